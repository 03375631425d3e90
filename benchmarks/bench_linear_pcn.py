"""What does pCN cost beside its normals? G = identity, D = 10^5: ns per component and step."""

from __future__ import annotations

from typing import Any

import by_hand as reference
import m4dl
import numpy as np
import pytest
import scipy.sparse as sp
from harness import Array, Contender, by_hand, clocked, m4dl_chains
from profile_step import drawing

SIZE = 100_000
BETA = 0.008  # accepted with probability 0.25


class Identity:
    """|y - xi|^2 / 2."""

    def __init__(self, data: Array) -> None:
        self._data = data

    def potential(self, xi: Array) -> float:
        residual = self._data - xi
        return 0.5 * float(residual @ residual)

    def gradient(self, xi: Array) -> tuple[float, Array]:
        return self.potential(xi), xi - self._data


def test_linear_pcn(race: Any, table: Any) -> None:
    data = np.random.default_rng(5).standard_normal(SIZE)
    ours = m4dl.Posterior(
        m4dl.LinearModel(sp.eye_array(SIZE)),
        m4dl.GaussianPrior(np.zeros(SIZE), 1.0),
        data=data,
        noise=m4dl.GaussianNoise(1.0),
    )
    theirs = Identity(data)
    start = 0.5 * data + np.sqrt(0.5) * np.random.default_rng(6).standard_normal(SIZE)
    phi, gradient = ours.gradient(start, threads=1)
    value, slope = theirs.gradient(start)
    assert phi == pytest.approx(value, rel=1e-10)
    assert np.linalg.norm(gradient - slope) <= 1e-10 * np.linalg.norm(slope)

    m4dl_run = m4dl_chains("m4dl, pCN step", ours, m4dl.PCN(BETA, adapt=False), start)
    hand = by_hand("by hand, pCN step", reference.pcn, theirs, start, BETA)
    for chains in (m4dl_run, hand):
        chains.steps *= SIZE  # count components
    normals, copies = drawing()
    rng, buffer = np.random.default_rng(1), np.empty(SIZE)

    def draw(calls: int) -> None:
        for _ in range(calls):
            rng.standard_normal(out=buffer)

    numpy_normals = Contender("NumPy, normals alone", clocked(draw), SIZE)
    race(m4dl_run, normals, copies, hand, numpy_normals)

    ours_alone = normals.cost - copies.cost
    rows = [
        ("m4dl, pCN step", m4dl_run.cost, f"{1.0 / (m4dl_run.cost * SIZE):,.0f}"),
        ("m4dl, its normals alone", ours_alone, ""),
        ("by hand, pCN step", hand.cost, f"{1.0 / (hand.cost * SIZE):,.0f}"),
        ("NumPy, its normals alone", numpy_normals.cost, ""),
    ]
    table(
        "Linear model, identity, D = 10^5: pCN",
        [
            {
                "": name,
                "ns per component": f"{1e9 * cost:.2f}",
                "steps/s of all chains": rate,
                "multiple of m4dl's normals": f"{cost / ours_alone:.2f}",
            }
            for name, cost, rate in rows
        ],
    )
