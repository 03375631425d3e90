"""hIPPYlib's tutorial problem re-made: the log conductivity of a square from its hydraulic head.

    -div(exp(m) grad u) = 0 on the unit square, u = 1 at the top, u = 0 at the bottom,

with no flux through the sides. u is quadratic and m linear on the triangles of a 32 x 32 grid:
4,225 and 1,089 values. The prior is N(0, A^{-1} M A^{-1}), A = gamma K + delta M + beta B with an
anisotropic stiffness matrix K and Robin conditions, which lessen what the boundary does to the
variance. The data are u at 300 random points, with noise of half a per cent of its maximum. The
conductivity is exp(m) at the nodes and linear between them, where hIPPYlib takes exp of the linear
m. Truth, points and noise are our own, drawn from the same laws.

Source: U. Villa, N. Petra, O. Ghattas, hIPPYlib, ACM Trans. Math. Softw. 47 (2021), section 5; K.
Kim, U. Villa, M. Parno, Y. Marzouk, O. Ghattas, N. Petra, hIPPYlib-MUQ, ACM Trans. Math. Softw. 49
(2023), whose functional is the logarithm of the flux through the bottom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import m4dl
import numpy as np
import scipy.sparse as sp
from harness import Array

CELLS, POINTS, NOISE = 32, 300, 0.005
GAMMA, DELTA = 0.1, 0.5
THETA = (2.0, 0.5, 0.25 * np.pi)
"""Eigenvalues of the prior's tensor, and the angle between the second one's axis and x."""
# Midpoints weigh a third each: exact for squares; the six points of degree four for cubes.
A1, A2, W1, W2 = 0.445948490915965, 0.091576213509771, 0.223381589678011, 0.109951743655322
SIX = np.array([np.roll([1 - 2 * a, a, a], k) for a in (A1, A2) for k in range(3)])
SIX_WEIGHTS = np.repeat([W1, W2], 3)


@dataclass(frozen=True)
class Tutorial:
    """The posterior, the flux through the bottom, and the truth (1089,)."""

    posterior: m4dl.Posterior
    truth: Array
    whole: m4dl.AffineElliptic
    energy: Any
    """(K, free): c' energy u is the flux, up to the part of the known boundary values."""
    boundary: Array

    def check(self) -> None:
        """Compare with exact fluxes: c for a constant c, 1 / int 1/c for layers c(y)."""
        side = round(np.sqrt(self.truth.size))
        height = np.linspace(0.0, 1.0, side)
        layers = np.tile(np.sin(3.0 * height), (side, 1)).ravel()
        flat = np.log(2.0) * np.ones(side**2)
        constant, layered = np.exp(self.log_flux(np.stack([flat, layers])))
        y, step = np.linspace(0.0, 1.0, 100_001, retstep=True)
        inverse = 1.0 / np.interp(y, height, np.exp(np.sin(3.0 * height)))
        exact = 1.0 / (step * (inverse.sum() - 0.5 * (inverse[0] + inverse[-1])))
        # The second one's error is that of quadratic elements, h^4 times a fourth derivative.
        if abs(constant / 2.0 - 1.0) > 1e-10 or abs(layered / exact - 1.0) > 1e-6:
            raise AssertionError(f"fluxes {constant} for 2 and {layered} for {exact}")

    def log_flux(self, theta: Array) -> Array:
        """The functional of the paper, (n,), for rows theta (n, 1089)."""
        c, u = np.exp(theta), self.whole.forward(theta)
        return np.asarray(np.log((c * (self.energy @ u.T).T).sum(axis=1) + c @ self.boundary))


def quadratic(bary: Array) -> Array:
    """The six basis functions of degree two at barycentric coordinates (q, 3): (q, 6)."""
    corner = bary * (2.0 * bary - 1.0)
    edge = 4.0 * bary * np.roll(bary, -1, axis=1)  # between 0 and 1, 1 and 2, 2 and 0
    return np.hstack([corner, edge])


def quadratic_slopes(bary: Array) -> Array:
    """Their derivatives by the barycentric coordinates, (q, 6, 3)."""
    out = np.zeros((len(bary), 6, 3))
    for k in range(3):
        nxt = (k + 1) % 3
        out[:, k, k] = 4.0 * bary[:, k] - 1.0
        out[:, 3 + k, k], out[:, 3 + k, nxt] = 4.0 * bary[:, nxt], 4.0 * bary[:, k]
    return out


def triangles(cells: int) -> tuple[Array, Array]:
    """Corners (t, 3, 2) of the triangles in half cells, and slopes (t, 3, 2) of lambda."""
    i, j = (x.ravel() for x in np.indices((cells, cells)))
    low = np.stack([i, j], axis=1)
    shapes = np.array([[(0, 0), (1, 0), (1, 1)], [(0, 0), (1, 1), (0, 1)]])
    corners = (low[:, None, None] + shapes).reshape(-1, 3, 2)
    edges = np.ones((len(corners), 3, 3))
    edges[:, :, 1:] = corners / cells
    return 2 * corners, np.linalg.inv(edges)[:, 1:].transpose(0, 2, 1)


def assemble(cells: int) -> tuple[sp.coo_array, Array, Array]:
    """All A_k of the state, (n^2, K), and the nodes of both, numbered x slow, as (t, 6), (t, 3)."""
    corners, slopes = triangles(cells)
    fine = np.concatenate([corners, (corners + np.roll(corners, -1, axis=1)) // 2], axis=1)
    state = fine[:, :, 0] * (2 * cells + 1) + fine[:, :, 1]
    field = (corners[:, :, 0] * (cells + 1) + corners[:, :, 1]) // 2
    gradient = np.einsum("qal,tld->tqad", quadratic_slopes(SIX), slopes)
    area = 0.5 / cells**2
    local = area * np.einsum(
        "q,qk,tqad,tqbd->tkab", SIX_WEIGHTS, SIX, gradient, gradient, optimize=True
    )
    n = (2 * cells + 1) ** 2
    t = len(state)
    row = np.broadcast_to(state[:, None, :, None], (t, 3, 6, 6))
    column = np.broadcast_to(state[:, None, None, :], (t, 3, 6, 6))
    k = np.broadcast_to(field[:, :, None, None], (t, 3, 6, 6))
    flat = row.astype(np.int64) * n + column
    terms = sp.coo_array(
        (local.ravel(), (flat.ravel(), k.ravel())), shape=(n * n, (cells + 1) ** 2)
    )
    terms.sum_duplicates()
    return terms, state, field


def observation(points: Array, cells: int, state: Array) -> sp.csr_array:
    """u at points, (len(points), n)."""
    at = points * cells
    cell = np.minimum(at.astype(int), cells - 1)
    x, y = (at - cell).T
    upper = y > x
    bary = np.where(
        upper[:, None], np.stack([1 - y, x, y - x], axis=1), np.stack([1 - x, x - y, y], axis=1)
    )
    triangle = 2 * (cell[:, 0] * cells + cell[:, 1]) + upper
    rows = np.repeat(np.arange(len(points)), 6)
    entries = (quadratic(bary).ravel(), (rows, state[triangle].ravel()))
    return sp.csr_array(sp.coo_array(entries, shape=(len(points), (2 * cells + 1) ** 2)))


def prior(cells: int, field: Array) -> m4dl.SparsePrior:
    """The tutorial's, with linear elements; its mass matrix has an exact root."""
    slopes = triangles(cells)[1]
    a, b, angle = THETA
    s, c = np.sin(angle), np.cos(angle)
    tensor = np.array(
        [[a * s**2 + b * c**2, (a - b) * s * c], [(a - b) * s * c, a * c**2 + b * s**2]]
    )
    area, n = 0.5 / cells**2, (cells + 1) ** 2
    stiff = area * np.einsum("tad,de,tbe->tab", slopes, tensor, slopes)
    mass = area / 12.0 * np.broadcast_to(1.0 + np.eye(3), stiff.shape)

    def matrix(local: Array, nodes: Array) -> sp.csc_array:
        m = nodes.shape[1]
        row, column = np.repeat(nodes, m, axis=1).ravel(), np.tile(nodes, (1, m)).ravel()
        return sp.csc_array(sp.coo_array((local.ravel(), (row, column)), shape=(n, n)))

    number = np.arange(n).reshape(cells + 1, cells + 1)
    sides = (number[0], number[-1], number[:, 0], number[:, -1])
    edges = np.concatenate([np.stack([side[:-1], side[1:]], axis=1) for side in sides])
    on_edge = np.broadcast_to((1.0 + np.eye(2)) / (6.0 * cells), (len(edges), 2, 2))
    robin = GAMMA * np.sqrt(DELTA / GAMMA) / 1.42
    m = matrix(mass, field)
    full = GAMMA * matrix(stiff, field) + DELTA * m + robin * matrix(on_edge, edges)
    root = np.linalg.cholesky(m.toarray())
    root[abs(root) < 1e-14 * abs(root).max()] = 0.0
    grid = m4dl.Grid((cells, cells))
    return m4dl.SparsePrior(
        full, sp.csc_array(root), coordinates=grid.coordinates(), domain=grid, at="nodes"
    )


def tutorial(cells: int = CELLS, seed: int = 1, solver: str = "auto") -> Tutorial:
    """The problem, with a truth drawn from the prior."""
    terms, state, field = assemble(cells)
    m, k = 2 * cells + 1, (cells + 1) ** 2
    number = np.arange(m * m).reshape(m, m)
    free, top = number[:, 1:-1].ravel(), number[:, -1]
    place = np.full(m * m, -1)
    place[free] = np.arange(len(free))
    known = np.zeros(m * m)
    known[top] = 1.0
    row, column = np.divmod(terms.row, m * m)
    inside = (place[row] >= 0) & (place[column] >= 0)
    flat = place[row[inside]] * len(free) + place[column[inside]]
    shape = (len(free) ** 2, k)
    interior = sp.coo_array((terms.data[inside], (flat, terms.col[inside])), shape=shape)
    lift = sp.coo_array((terms.data * known[column], (row, terms.col)), shape=(m * m, k)).tocsr()
    load = -lift[free]
    grid = m4dl.Grid((cells, cells))
    x = np.stack([free // m, free % m], axis=1) / (2.0 * cells)

    def model(observe: Any, offset: Array) -> m4dl.AffineElliptic:
        return m4dl.AffineElliptic(
            None, interior, np.zeros(len(free)), observe, load_terms=load, offset=offset,
            coordinates=x, solver=solver, domain=grid, at="nodes",
        )  # fmt: skip

    rng = np.random.default_rng(seed)
    points = rng.uniform(0.05, 0.95, (POINTS, 2))
    observe = observation(points, cells, state)
    forward, law = model(observe[:, free], observe @ known), prior(cells, field)
    truth = law.draw(1, seed=seed)[0]
    std = NOISE  # of the maximum of u, which is 1
    data = forward(truth) + std * rng.standard_normal(POINTS)
    posterior = m4dl.Posterior(forward, law, data=data, noise=m4dl.GaussianNoise(std))
    # The flux is the energy between u and y: both are 1 at the top and 0 at the bottom.
    height = (number % m).ravel() / (2.0 * cells)
    weak = sp.coo_array((terms.data * height[column], (row, terms.col)), shape=(m * m, k)).tocsr()
    whole = model(sp.eye_array(len(free), format="csr"), np.zeros(len(free)))
    energy = sp.csr_array(weak[free].T)
    return Tutorial(posterior, truth, whole, energy, np.asarray(weak.T @ known))
