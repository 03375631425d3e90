"""The non-Abelian X-ray transform in so(3) by hand, on triangles, with a Matern prior.

U' + Phi U = 0 along each ray, from the exit, where U = I, to the entry: the fourth-order Magnus
method with two Gauss points a step, and Rodrigues' formula for its exponentials. Twice, with the
same sparse matrices for the field's values: *plain*, one step of all rays after the other, with
stacks of 3 x 3 matrices and ``@``; and *tuned*, the exponentials of all steps at once and without
matrices, component after component, so that every operation is one pass over contiguous memory.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from .solvers import Array

ROOT3 = float(np.sqrt(3.0))


class NonAbelian:
    """Potential of N rotations seen with noise, in white space: three independent Matern fields.

    Parameters
    ----------
    data : dict
        points (D, 2) and cells (T, 3) of the mesh; start (N, 2), direction (N, 2), length (N,) of
        the rays; step; y (N, 3, 3), sigma; std and length_scale of the prior, of smoothness 3.
    tuned : bool
    """

    def __init__(self, data: dict[str, Any], tuned: bool = True) -> None:
        self._prior(data["points"], data["cells"], data["std"], data["length_scale"])
        self.size = 3 * len(data["points"])
        self._frames = self._tuned if tuned else self._plain
        start, direction, length = (data[key] for key in ("start", "direction", "length"))
        steps = np.maximum(1, np.ceil(length / data["step"] - 1e-9)).astype(int)
        # Rays with many steps first: those that have a k-th step are the first ones.
        self._order = np.argsort(-steps, kind="stable")
        steps, width = steps[self._order], (length / steps)[self._order]
        ray = [np.arange(np.count_nonzero(steps > k)) for k in range(steps.max())]
        first = np.concatenate([[0], np.cumsum([len(r) for r in ray])])
        at = np.concatenate(ray)
        number = steps[at] - 1 - np.repeat(np.arange(len(ray)), np.diff(first))
        self._width = width[at]
        x, v = start[self._order][at], direction[self._order][at]

        def sample(shift: float) -> Any:
            time = (number + 0.5 + shift) * self._width
            return interpolation(data["points"], data["cells"], x + time[:, None] * v)

        # a nearer to the exit, b nearer to the entry
        self._a, self._b = sample(ROOT3 / 6.0), sample(-ROOT3 / 6.0)
        self._slices = [slice(i, j) for i, j in pairwise(first)]
        self._by_step = [(self._a[k], self._b[k], self._width[k]) for k in self._slices]
        # w = h/2 (a + b) + sqrt(3)/12 h^2 (b x a), with the factors in the matrices
        root = sp.diags_array(np.sqrt(ROOT3 / 12.0) * self._width)
        self._mean = sp.csr_array(sp.diags_array(0.5 * self._width) @ (self._a + self._b))
        self._exit, self._entry = sp.csr_array(root @ self._a), sp.csr_array(root @ self._b)
        self._y = np.ascontiguousarray(data["y"][self._order].transpose(1, 2, 0))
        self._sigma = float(data["sigma"])

    def _prior(self, points: Array, cells: Array, std: float, length: float) -> None:
        """theta = s A^{-1} M A^{-1} M^{1/2} xi with A = kappa^2 M + S, M lumped; variance std^2."""
        stiffness, mass = stiffness_and_mass(points, cells)
        kappa = np.sqrt(8.0 * 3.0) / length
        matrix = sp.csc_array(kappa**2 * sp.diags_array(mass) + stiffness)
        self._factor, self._mass = splu(matrix), mass[:, None]
        dense = self._factor.solve(self._mass * self._factor.solve(np.diag(np.sqrt(mass))))
        self._scale = std / np.sqrt((dense**2).sum(axis=1))[:, None]

    def push(self, xi: Array) -> Array:
        """White noise (3 D,) to theta (D, 3)."""
        noise = np.sqrt(self._mass) * xi.reshape(3, -1).T
        solve = self._factor.solve
        return np.asarray(self._scale * solve(self._mass * solve(noise)))

    def forward(self, theta: Array) -> Array:
        """theta (D, 3) to the rotations (N, 3, 3)."""
        out = np.empty((len(self._order), 3, 3))
        out[self._order] = self._frames(theta).transpose(2, 0, 1)
        return out

    def potential(self, xi: Array) -> float:
        """|y - C(theta)|^2 / (2 sigma^2)."""
        residual = (self._frames(self.push(xi)) - self._y).ravel()
        return 0.5 * float(residual @ residual) / self._sigma**2

    def _tuned(self, theta: Array) -> Array:
        """Rotations (3, 3, N), long rays first."""
        field = np.ascontiguousarray(theta)
        turns = (self._mean, self._exit, self._entry)
        steps = rodrigues(*(np.ascontiguousarray((p @ field).T) for p in turns))
        frames = np.zeros((3, 3, len(self._order)))
        frames[[0, 1, 2], [0, 1, 2]] = 1.0
        for k in self._slices:
            moving = frames[:, :, : k.stop - k.start]
            moving[...] = np.einsum("ijn,jkn->ikn", steps[:, :, k], moving)
        return frames

    def _plain(self, theta: Array) -> Array:
        """The same as one would write it down."""
        frames = np.tile(np.eye(3), (len(self._order), 1, 1))
        for p, q, width in self._by_step:
            a, b, h = hat(p @ theta), hat(q @ theta), width[:, None, None]
            omega = 0.5 * h * (a + b) + ROOT3 / 12.0 * h**2 * (b @ a - a @ b)
            s = np.sqrt(0.5 * (omega**2).sum(axis=(1, 2)))[:, None, None] + 1e-150
            turn = np.sin(s) / s * omega + 0.5 * (np.sin(0.5 * s) / (0.5 * s)) ** 2 * omega @ omega
            frames[: len(h)] += turn @ frames[: len(h)]
        return frames.transpose(1, 2, 0)


def hat(w: Array) -> Array:
    """Matrices (n, 3, 3) of v -> w x v."""
    out = np.zeros((len(w), 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        out[:, k, j], out[:, j, k] = w[:, i], -w[:, i]
    return out


def rodrigues(mean: Array, a: Array, b: Array) -> Array:
    """exp(hat w) (3, 3, n) for w = mean + b x a, each (3, n)."""
    w = mean
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        w[i] += b[j] * a[k]
        w[i] -= b[k] * a[j]
    square = w * w
    cos = square[0] + square[1] + square[2]
    angle = np.sqrt(cos)
    np.cos(angle, out=cos)
    # (1 - cos s)/s^2 from sin(s/2), which does not cancel; sin s = 2 sin(s/2) cos(s/2)
    np.maximum(angle, 1e-150, out=angle)
    half = np.sin(0.5 * angle)
    first = half / angle
    second = 2.0 * first * first
    first *= 2.0 * np.sqrt(1.0 - half * half)
    out = np.empty((3, 3, w.shape[1]))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        np.multiply(square[i], second, out=out[i, i])
        out[i, i] += cos
        product = w[i] * w[j]
        product *= second
        turn = first * w[k]
        np.subtract(product, turn, out=out[i, j])
        np.add(product, turn, out=out[j, i])
    return out


def stiffness_and_mass(points: Array, cells: Array) -> tuple[Any, Array]:
    """Stiffness matrix and lumped masses of linear elements."""
    corner = points[cells]
    edge = np.roll(corner, -1, axis=1) - np.roll(corner, 1, axis=1)  # opposite to each corner
    area = 0.5 * np.abs(edge[:, 0, 0] * edge[:, 1, 1] - edge[:, 0, 1] * edge[:, 1, 0])
    local = np.einsum("tik,tjk->tij", edge, edge) / (4.0 * area[:, None, None])
    row, column = np.repeat(cells, 3, axis=1), np.tile(cells, (1, 3))
    shape = (len(points), len(points))
    stiffness = sp.csr_array(
        sp.coo_array((local.ravel(), (row.ravel(), column.ravel())), shape=shape)
    )
    return stiffness, np.bincount(cells.ravel(), np.repeat(area / 3.0, 3), len(points))


def interpolation(points: Array, cells: Array, x: Array) -> Any:
    """Sparse matrix (P, D) of the values at x (P, 2), beyond the mesh those on its boundary."""
    corner = points[cells]
    inverse = np.linalg.inv(np.stack([corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]], 2))
    node, weight = np.empty((len(x), 3), int), np.empty((len(x), 3))
    for i in range(0, len(x), 2000):
        rest = np.einsum("tab,ptb->pta", inverse, x[i : i + 2000, None] - corner[:, 0])
        all_three = np.concatenate([1.0 - rest.sum(axis=2, keepdims=True), rest], axis=2)
        best = all_three.min(axis=2).argmax(axis=1)
        node[i : i + 2000] = cells[best]
        weight[i : i + 2000] = all_three[np.arange(len(best)), best]
    outside = np.flatnonzero(weight.min(axis=1) < -1e-12)
    ring = boundary(cells)
    start, along = points[ring[:, 0]], points[ring[:, 1]] - points[ring[:, 0]]
    for p in outside:
        t = np.clip(((x[p] - start) * along).sum(axis=1) / (along**2).sum(axis=1), 0.0, 1.0)
        near = np.linalg.norm(start + t[:, None] * along - x[p], axis=1).argmin()
        node[p] = *ring[near], ring[near, 0]
        weight[p] = 1.0 - t[near], t[near], 0.0
    row = np.repeat(np.arange(len(x)), 3)
    shape = (len(x), len(points))
    return sp.csr_array(sp.coo_array((weight.ravel(), (row, node.ravel())), shape=shape))


def boundary(cells: Array) -> Array:
    """Edges (E, 2) of one triangle only."""
    pairs = np.sort(cells[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, count = np.unique(pairs, axis=0, return_counts=True)
    return np.asarray(edges[count == 1])
