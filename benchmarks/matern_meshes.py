"""How long a Matern field on triangles and tetrahedra takes to set up.

    python benchmarks/matern_meshes.py

Prints one row a mesh: seconds of the corrected field, and of the same without the correction.
"""

from __future__ import annotations

import time

import m4dl


def seconds(mesh: m4dl.TriangleMesh | m4dl.TetrahedronMesh, smoothness: float, kind: str) -> float:
    start = time.perf_counter()
    m4dl.MaternPrior(mesh, smoothness=smoothness, boundary=kind)
    return time.perf_counter() - start


def main() -> None:
    print(f"{'mesh':<52}{'corrected':>10}{'neumann':>10}")
    triangles = (m4dl.TriangleMesh.rectangle((k, k)) for k in (60, 120, 180, 240))
    tetrahedra = (m4dl.TetrahedronMesh.box((k, k, k)) for k in (10, 20, 30))
    for meshes, smoothness in ((triangles, 1.0), (tetrahedra, 0.5)):
        for mesh in meshes:
            corrected, neumann = (seconds(mesh, smoothness, k) for k in ("corrected", "neumann"))
            print(f"{mesh!r:<52}{corrected:>10.2f}{neumann:>10.2f}", flush=True)


if __name__ == "__main__":
    main()
