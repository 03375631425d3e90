"""Draws of every kind of kernel are, to the bit, those that were written down.

For changes of shape that are to change no number. Some rows use LAPACK (a learned metric, an
orthonormal basis) and the mathematical library, whose last bits belong to a machine: a probe says
whether this is such a machine as the hashes are from. Write them anew, for an announced change, by
``python tests/test_golden.py``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import pytest

FILE = Path(__file__).parent / "data" / "golden.json"
RNG = np.random.default_rng(1)
POINTS = RNG.uniform(0.1, 0.9, (20, 2))
GRID = m4dl.Grid((8, 8))
DATA, NOISE = np.linspace(0.4, 0.9, 20), m4dl.GaussianNoise(0.02)


def digest(*arrays: Any) -> str:
    out = hashlib.sha256()
    for values in arrays:
        out.update(b"none" if values is None else np.ascontiguousarray(values).tobytes())
    return out.hexdigest()[:16]


def on_nodes(model: Any) -> m4dl.Posterior:
    prior = m4dl.MaternPrior(GRID, std=0.5, length=0.3)
    return m4dl.Posterior(model(GRID, POINTS, at="nodes"), prior, data=DATA, noise=NOISE)


def surrogate() -> Any:
    prior = m4dl.SeriesPrior(GRID, modes=6, alpha=2.5, std=0.5, mean=1.0, at="interior")
    model = m4dl.Schrodinger(GRID, POINTS, at="interior")
    posterior = m4dl.Posterior(model, prior, data=DATA, noise=NOISE)
    centre = 0.3 * np.cos(np.arange(6))
    return m4dl.langevin.LogConcaveSurrogate(posterior, centre=centre, eta=0.4, curvature=50.0)


FINE, COARSE, SURROGATE = on_nodes(m4dl.Darcy), on_nodes(m4dl.Schrodinger), surrogate()
BASIS = np.linalg.qr(RNG.standard_normal((FINE.white, 3)))[0]
DIAGONAL = m4dl.kernels.DiagonalMetric(np.linspace(0.5, 1, FINE.white))
LOW_RANK = m4dl.kernels.LowRankMetric(np.full(FINE.white, 0.1), BASIS, np.array([0.3, 0.5, 0.8]))

KERNELS = {
    "pcn": m4dl.PCN(),
    "pcn diagonal": m4dl.PCN(0.3, metric=DIAGONAL),
    "pcn low rank": m4dl.PCN(metric=LOW_RANK),
    "pcn learned": m4dl.PCN(metric="learned"),
    "pcn fixed": m4dl.PCN(adapt=False),
    "mala": m4dl.MALA(),
    "mala diagonal": m4dl.MALA(metric=DIAGONAL),
    "mala low rank": m4dl.MALA(metric=LOW_RANK),
    "mala learned": m4dl.MALA(metric="learned"),
    "ula": m4dl.ULA(1e-3),
    "ula low rank": m4dl.ULA(1e-3, metric=LOW_RANK),
    "hmc": m4dl.HMC(),
    "hmc low rank": m4dl.HMC(metric=LOW_RANK),
    "hmc learned": m4dl.HMC(metric="learned"),
    "hmc fixed": m4dl.HMC(adapt=False, metric=DIAGONAL),
}
INNER = {
    "pcn": m4dl.PCN(0.3),
    "pcn learned": m4dl.PCN(0.3, metric="learned"),
    "mala": m4dl.MALA(0.05),
    "mala low rank": m4dl.MALA(0.5, metric=LOW_RANK),
    "hmc": m4dl.HMC(0.3, 0.9, adapt=False),
}
ROWS: dict[str, tuple[Any, Any]] = {name: (FINE, kernel) for name, kernel in KERNELS.items()}
ROWS |= {
    f"delayed {name}, error model {error}": (
        FINE,
        m4dl.DelayedAcceptance(COARSE, kernel, steps=3, error_model=error),
    )
    for name, kernel in INNER.items()
    for error in ("none", "full", "offset")
}
ROWS |= {
    f"surrogate {name}": (SURROGATE, kernel)
    for name, kernel in KERNELS.items()
    if name in ("pcn", "mala", "ula", "hmc")
}


def probe() -> str:
    """Hash what LAPACK and the mathematical library make of fixed numbers here."""
    x = np.cos(np.arange(2500.0)).reshape(50, 50)
    slope = np.linalg.solve(x @ x.T + np.eye(50), x)
    return digest(*np.linalg.qr(x), *np.linalg.eigh(x @ x.T), slope, np.exp(x), np.log1p(x * x))


def golden(name: str) -> str:
    posterior, kernel = ROWS[name]
    draws = m4dl.sample(
        posterior, kernel, draws=40, warmup=200, chains=11, seed=5, start="prior", thin=2,
        threads=2, progress=False,
    )  # fmt: skip
    return digest(
        draws.theta, draws.log_likelihood, draws.energy, draws.diverging, draws.acceptance,
        draws.step_size, draws.failures, draws.divergences, np.array([draws.solves]),
        draws.coarse_acceptance, draws.coarse_failures, np.array([draws.coarse_solves or 0]),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ROWS)
def test_draws_are_those_of_before(name):
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    if probe() != stored["probe"]:
        pytest.skip("LAPACK or the mathematical library have other last bits here")
    assert golden(name) == stored[name]


def test_no_row_is_left_over():
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    assert set(stored) == {"probe", *ROWS}
    assert len({stored[name] for name in ROWS}) == len(ROWS)


if __name__ == "__main__":
    hashes = {"probe": probe(), **{name: golden(name) for name in ROWS}}
    FILE.write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")
