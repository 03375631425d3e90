"""How many pCN steps a second does one core make on the benchmark of Aristoff and Bangerth?"""

from __future__ import annotations

from typing import Any

import by_hand as reference
import m4dl
import numpy as np
import pytest
from harness import AGREE, by_hand, m4dl_chains, rates, times, verdict

BETA = 0.05  # accepted with probability 0.2
LEAST = 8000.0
PUBLISHED = 250.0
"""Metropolis steps/s of one process of the published deal.II program, about."""


def posterior() -> m4dl.Posterior:
    """The published problem; log coefficients N(4, 2^2)."""
    x, y, z_hat = np.loadtxt(reference.Z_HAT, delimiter=",", skiprows=1)[:, 1:].T
    model = m4dl.Darcy(m4dl.Grid((32, 32)), np.stack([x, y], axis=1), source=10.0, blocks=(8, 8))
    prior = m4dl.GaussianPrior(np.full(64, 4.0), 4.0)
    return m4dl.Posterior(model, prior, data=z_hat, noise=m4dl.GaussianNoise(0.05))


def check(ours: m4dl.Posterior, theirs: reference.Darcy) -> None:
    """Potential and gradient agree at the same white noise."""
    most = AGREE["direct"]
    xi = np.random.default_rng(3).standard_normal((4, 64))
    phi, gradient = ours.gradient(xi, threads=1)
    np.testing.assert_allclose(ours.potential(xi, threads=1), phi, rtol=most[0])
    for k, x in enumerate(xi):
        value, slope = theirs.gradient(x)
        assert phi[k] == pytest.approx(value, rel=most[0])
        assert np.linalg.norm(gradient[k] - slope) <= most[1] * np.linalg.norm(slope)


def test_darcy_pcn(race: Any, table: Any) -> None:
    ours = posterior()
    warm = m4dl.PCN(BETA, adapt=False).start(ours.core, 1, 7, np.zeros((1, 64)), 1)
    warm.advance(2000)
    start = warm.state()["xi"][0]
    solvers: dict[str, Any] = {
        "by hand, CHOLMOD": reference.Cholmod,
        "by hand, LAPACK banded": reference.Banded,
        "by hand, splu tuned": reference.SuperLU,
    }
    m4dl_run = m4dl_chains("m4dl", ours, m4dl.PCN(BETA, adapt=False), start)
    rivals, missing = [], []
    for name, solver in solvers.items():
        try:
            target = reference.Darcy(solver)
        except ImportError as reason:
            missing.append({"pCN": name, "ms per step": f"skipped: {reason}"})
            continue
        check(ours, target)
        rivals.append(by_hand(name, reference.pcn, target, start, BETA))
    race(m4dl_run, *rivals)

    row = {"pCN": "m4dl", **rates(m4dl_run), "m4dl is faster by": ""}
    rows = [row | {"target": verdict(1.0 / m4dl_run.cost, LEAST) + " (steps/s)"}]
    for rival in rivals:
        faster = times(rival.over(m4dl_run))
        rows.append({"pCN": rival.name, **rates(rival), "m4dl is faster by": faster})
    published = {
        "pCN": "published, another machine",
        "chains": "1",
        "ms per step": f"{1e3 / PUBLISHED:.4g}",
        "steps/s of each chain": f"{PUBLISHED:.0f}",
        "steps/s of all chains": f"{PUBLISHED:.0f}",
        "m4dl is faster by": f"{1.0 / (PUBLISHED * m4dl_run.cost):.0f}",
    }
    table("Darcy, the benchmark of Aristoff and Bangerth: pCN", [*rows, published, *missing])
