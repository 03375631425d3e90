"""How slowly the efficient limit is reached: the table in docs/guarantees.md.

Schroedinger's equation on (0, 1), exp link, theta = 1 + sin(pi x)/2, all interior nodes of 256
cells observed; SeriesPrior with alpha = 2, std = 1. No sampling: the finite-N reference over the
efficient limit. Run: ``python benchmarks/bvm_limit.py``.
"""

from __future__ import annotations

import m4dl
import numpy as np
from m4dl.studies._bvm import reference_variance
from m4dl.studies._limit import efficient_variance

CELLS = 256


def main() -> dict[str, list[float]]:
    """Return the ratio for each psi at N/sigma^2 = 1e4, 1e6, 1e8, 1e10."""
    grid = m4dl.Grid((CELLS,))
    x = grid.coordinates("interior")
    model = m4dl.Schrodinger(grid, x, at="interior")
    theta = 1.0 + 0.5 * np.sin(np.pi * x[:, 0])
    prior = m4dl.SeriesPrior(grid, modes=CELLS - 1, alpha=2.0, std=1.0, mean=1.0, at="interior")
    t = 2 * x[:, 0] - 1
    shapes = {
        "u f sin(pi x)": np.sin(np.pi * x[:, 0]),
        "u f sin^4(pi x)": np.sin(np.pi * x[:, 0]) ** 4,
        "u f exp(-1/(1 - (2x - 1)^2))": np.exp(-1 / (1 - t**2)),
    }
    out = {}
    for name, shape in shapes.items():
        psi = model(theta) * np.exp(theta) * shape / CELLS
        ratios = []
        for information in (1e4, 1e6, 1e8, 1e10):
            noise = m4dl.GaussianNoise(np.sqrt(model.outputs / information))
            posterior = m4dl.Posterior(model, prior, data=model(theta), noise=noise)
            limit, remark = efficient_variance(posterior, psi, theta)
            if limit is None:
                raise RuntimeError(remark)
            uniform = limit * (CELLS - 1) / CELLS  # as many data per length as nodes inside
            ratios.append(reference_variance(posterior, psi, theta) / uniform)
        out[name] = ratios
    return out


if __name__ == "__main__":
    for name, ratios in main().items():
        print(f"{name:<30}", "  ".join(f"{r:.3f}" for r in ratios))
