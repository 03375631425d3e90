"""``cd benchmarks && python -m by_hand --sizes 32 64 128``: ms per step; set OMP_NUM_THREADS=1."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from . import (
    Banded,
    Cholmod,
    Darcy,
    SuperLU,
    analyze,
    mala,
    pcn,
    problem,
    schrodinger_cholmod,
    schrodinger_splu,
)


def main() -> None:
    """Print milliseconds per step."""
    parser = argparse.ArgumentParser(description="Hand-written chains: milliseconds per step.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each row")
    arguments = parser.parse_args()

    def report(name: str, chain: Any) -> None:
        once = max(chain(5).seconds / 5.0, 1e-6)
        steps = max(5, int(arguments.seconds / 3.0 / once))
        best = min(chain(steps).seconds / steps for _ in range(3))
        print(f"{name:<44}{1e3 * best:9.3f} ms/step{1.0 / best:10.0f} steps/s")

    for n in arguments.sizes:
        data = problem(n)
        rows = {"splu plain": schrodinger_splu(n, data, tuned=False),
                "splu tuned": schrodinger_splu(n, data)}  # fmt: skip
        if analyze is not None:
            rows["cholmod"] = schrodinger_cholmod(n, data)
        for name, target in rows.items():
            xi0 = np.zeros(target.size)
            report(
                f"schrodinger {n} mala, {name}",
                lambda steps, t=target, x=xi0: mala(t, x, 1e-3, steps, 1),
            )
    solvers = {"banded": Banded, "splu": SuperLU} | ({"cholmod": Cholmod} if analyze else {})
    for name, solver in solvers.items():
        target = Darcy(solver)
        report(f"darcy pcn, {name}", lambda steps, t=target: pcn(t, np.zeros(64), 0.05, steps, 1))


if __name__ == "__main__":
    main()
