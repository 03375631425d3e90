"""How much faster is a MALA step than the same chain by hand with CHOLMOD, or with splu?

The posterior of ``by_hand.problem``. The chain by hand takes its white noise in the
coordinates that suit it best, the cosine transform of ours: same law, two transforms fewer.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import by_hand as reference
import m4dl
import numpy as np
import pytest
from harness import Array, by_hand, m4dl_chains, rates, times, verdict
from scipy.fft import dctn

STEP_SIZE = 1e-3  # accepted with probability 0.45 to 0.5 at all sizes
SOLVERS: dict[str, Any] = {
    "by hand, CHOLMOD": reference.schrodinger_cholmod,
    "by hand, splu tuned": reference.schrodinger_splu,
    "by hand, splu plain": partial(reference.schrodinger_splu, tuned=False),
}
TARGETS = {"by hand, CHOLMOD": 3.0, "by hand, splu tuned": 10.0, "by hand, splu plain": 10.0}


def posterior(problem: dict[str, Any]) -> m4dl.Posterior:
    """The posterior of ``by_hand.problem(n)``."""
    grid = m4dl.Grid((problem["n"] + 1,) * 2)
    return m4dl.Posterior(
        m4dl.Schrodinger(grid, problem["X"], problem["g"], at="interior"),
        m4dl.MaternPrior(
            grid, std=problem["s"], length=0.5, smoothness=1, at="interior", boundary="neumann"
        ),
        data=problem["y"],
        noise=m4dl.GaussianNoise(problem["sigma"]),
    )


def check(ours: m4dl.Posterior, theirs: reference.Schrodinger, to_theirs: Any) -> None:
    """Potential and gradient agree to 1e-10 at white noise of ours.

    ``to_theirs`` maps it, orthonormally, to theirs; gradients map alike.
    """
    xi = np.random.default_rng(3).standard_normal((2, ours.white))
    phi, gradient = ours.gradient(xi, threads=1)
    np.testing.assert_allclose(ours.potential(xi, threads=1), phi, rtol=1e-10)
    for k, x in enumerate(xi):
        value, slope = theirs.gradient(to_theirs(x))
        assert phi[k] == pytest.approx(value, rel=1e-10)
        error = np.linalg.norm(to_theirs(gradient[k]) - slope)
        assert error <= 1e-10 * np.linalg.norm(slope)


@pytest.mark.parametrize("n", [32, 64, 128])
def test_schrodinger_mala(n: int, race: Any, table: Any) -> None:
    problem = reference.problem(n)
    ours = posterior(problem)

    def cosine(x: Array) -> Array:
        return np.asarray(dctn(x.reshape(n, n), norm="ortho")).ravel()

    # The chains start where a warm-up leaves them.
    warm = m4dl.MALA(STEP_SIZE, adapt=False).start(ours.core, 1, 7, np.zeros((1, ours.white)), 1)
    warm.advance(100)
    start = warm.state()["xi"][0]

    m4dl_run = m4dl_chains("m4dl", ours, m4dl.MALA(STEP_SIZE, adapt=False), start)
    rivals, missing = [], []
    for name, build in SOLVERS.items():
        try:
            target = build(n, problem, "cosine")
        except ImportError as reason:
            missing.append({"n": str(n), "MALA": name, "ms per step": f"skipped: {reason}"})
            continue
        check(ours, build(n, problem, "nodes"), lambda x: x)
        check(ours, target, cosine)
        rivals.append(by_hand(name, reference.mala, target, cosine(start), STEP_SIZE))
    race(m4dl_run, *rivals, seconds=0.2 if n < 128 else 0.4)

    rows = [{"n": str(n), "MALA": "m4dl", **rates(m4dl_run)}]
    for rival in rivals:
        row = {"n": str(n), "MALA": rival.name, **rates(rival)}
        row["m4dl is faster by"] = times(rival.over(m4dl_run))
        if n == 64:
            row["target"] = verdict(rival.over(m4dl_run)[1], TARGETS[rival.name])
        rows.append(row)
    table("Schroedinger, n x n unknowns: MALA", rows + missing)
