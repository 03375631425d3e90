"""Elliptic forward maps: assemble, solve, observe; the tangent and the adjoint written out.

Every model is A(c) u = load with A(c) = A0 + sum_e c_e A_e over entities e (nodes or cells), c = W
link(theta), Dirichlet values where ``fixed``, and y = H u.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from .meshes import Array, Box, Triangulation


class Link(NamedTuple):
    """A pointwise map and its slope."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


LINKS = {
    "exp": Link(np.exp, np.exp),
    "softplus": Link(lambda t: np.logaddexp(0.0, t), expit),
    "identity": Link(lambda t: t, np.ones_like),
}


class Elliptic:
    """The common part: ``forward``, ``push`` (tangent), ``pull`` (adjoint), ``potential``,
    ``gradient``.

    A subclass sets ``base`` (P, P) = A0, ``weights`` W (E, D), ``load`` (P,), ``fixed`` (P,) bool,
    ``values`` (P,), ``observe`` H (m, P), ``link``, and defines ``operator`` and ``form``.
    """

    base: Any
    weights: Any
    load: Array
    fixed: NDArray[np.bool_]
    values: Array
    observe: Any
    link: Link

    def operator(self, c: Array) -> Any:
        """Sum over e of c_e A_e, sparse (P, P)."""
        raise NotImplementedError

    def form(self, v: Array, u: Array) -> Array:
        """(E,) the numbers v' A_e u."""
        raise NotImplementedError

    @property
    def parameters(self) -> int:
        return int(self.weights.shape[1])

    @property
    def outputs(self) -> int:
        return int(self.observe.shape[0])

    def _free_block(self, theta: Array) -> tuple[Any, Any]:
        matrix = sp.csr_array(self.base + self.operator(self.weights @ self.link.value(theta)))
        rows = matrix[~self.fixed]
        return spla.splu(sp.csc_array(rows[:, ~self.fixed])), rows[:, self.fixed]

    def state(self, theta: ArrayLike) -> Array:
        """(P,) the solution u at every node."""
        factor, coupling = self._free_block(np.asarray(theta, dtype=float))
        u = self.values.copy()
        u[~self.fixed] = factor.solve(self.load[~self.fixed] - coupling @ self.values[self.fixed])
        return u

    def forward(self, theta: ArrayLike) -> Array:
        """(m,) observations."""
        out: Array = self.observe @ self.state(theta)
        return out

    __call__ = forward

    def push(self, theta: ArrayLike, tangent: ArrayLike) -> Array:
        """(m,) derivative of ``forward``: A du = -A'[dc] u, du = 0 where u is given."""
        theta = np.asarray(theta, dtype=float)
        u = self.state(theta)
        dc = self.weights @ (self.link.slope(theta) * np.asarray(tangent, dtype=float))
        du = np.zeros_like(u)
        du[~self.fixed] = self._free_block(theta)[0].solve(-(self.operator(dc) @ u)[~self.fixed])
        out: Array = self.observe @ du
        return out

    def pull(self, theta: ArrayLike, sensitivity: ArrayLike) -> Array:
        """(D,) transpose of ``push``: A' p = H' sensitivity, then dc_e = -p' A_e u."""
        theta = np.asarray(theta, dtype=float)
        u = self.state(theta)
        p = np.zeros_like(u)
        right = self.observe.T @ np.asarray(sensitivity, dtype=float)
        p[~self.fixed] = self._free_block(theta)[0].solve(right[~self.fixed], trans="T")
        out: Array = self.link.slope(theta) * (self.weights.T @ -self.form(p, u))
        return out

    def potential(self, theta: ArrayLike, data: ArrayLike, sigma: float) -> float:
        """|data - forward(theta)|^2 / (2 sigma^2)."""
        return float(np.sum((np.asarray(data) - self.forward(theta)) ** 2) / (2.0 * sigma**2))

    def gradient(self, theta: ArrayLike, data: ArrayLike, sigma: float) -> Array:
        """(D,) gradient of the potential in theta."""
        return self.pull(theta, (self.forward(theta) - np.asarray(data)) / sigma**2)


def _nodal(value: ArrayLike, size: int) -> Array:
    return np.broadcast_to(np.asarray(value, dtype=float), size).copy()


def _assemble(elements: NDArray[np.int64], blocks: Array, size: int) -> Any:
    """Sum element matrices (E, k, k) into a sparse (size, size)."""
    rows = np.broadcast_to(elements[:, :, None], blocks.shape)
    columns = np.broadcast_to(elements[:, None, :], blocks.shape)
    entries = (blocks.ravel(), (rows.ravel(), columns.ravel()))
    return sp.coo_array(entries, shape=(size, size)).tocsr()


class SchrodingerGrid(Elliptic):
    """-(1/2) Lap u + f u = 0, u = g on the boundary, by (2d+1)-point differences; f = link(theta).

    theta at="nodes" (values on the boundary have no effect) or at="interior".
    """

    def __init__(
        self,
        box: Box,
        points: ArrayLike,
        boundary: ArrayLike = 1.0,
        at: str = "nodes",
        link: Link = LINKS["exp"],
    ) -> None:
        self.fixed = box.boundary
        size = len(self.fixed)
        self.base = sp.lil_array((size, size))
        strides = [int(np.prod(box.shape[axis + 1 :])) for axis in range(box.dim)]
        for node in np.flatnonzero(~self.fixed):
            for h, stride in zip(box.spacing, strides, strict=True):
                self.base[node, node] += 1.0 / h**2
                self.base[node, node - stride] -= 0.5 / h**2
                self.base[node, node + stride] -= 0.5 / h**2
        self.base = self.base.tocsr()
        everywhere = sp.eye_array(size, format="csc")
        self.weights = everywhere if at == "nodes" else everywhere[:, np.flatnonzero(~self.fixed)]
        self.load = np.zeros(size)
        self.values = _nodal(boundary, size)
        self.observe = box.interpolation(points)
        self.link = link

    def operator(self, c: Array) -> Any:
        return sp.diags_array(c)

    def form(self, v: Array, u: Array) -> Array:
        return v * u


class SchrodingerP1(Elliptic):
    """1/2 int grad u . grad v + int f u v = 0, P1, lumped mass; f = link(theta) at nodes."""

    def __init__(
        self,
        mesh: Triangulation,
        points: ArrayLike,
        boundary: ArrayLike = 1.0,
        link: Link = LINKS["exp"],
    ) -> None:
        size = len(mesh.points)
        self.fixed = mesh.boundary
        self.base = _assemble(mesh.cells, 0.5 * mesh.element_matrices()[0], size)
        self.weights = sp.eye_array(size, format="csc")
        self.load = np.zeros(size)
        self.values = _nodal(boundary, size)
        self.observe = mesh.interpolation(points)
        self.link = link
        self.lumped = np.zeros(size)
        for nodes, measure in zip(mesh.cells, mesh.measures, strict=True):
            self.lumped[nodes] += measure / len(nodes)

    def operator(self, c: Array) -> Any:
        return sp.diags_array(self.lumped * c)

    def form(self, v: Array, u: Array) -> Array:
        return self.lumped * v * u


class _Darcy(Elliptic):
    """-div(c grad u) = source with one coefficient per element, stiffness (E, k, k) at c = 1."""

    def _set(
        self,
        mesh: Box | Triangulation,
        elements: NDArray[np.int64],
        stiffness: Array,
        mass: Array,
        points: ArrayLike,
        source: ArrayLike,
        boundary: ArrayLike,
        link: Link,
    ) -> None:
        self.elements, self.stiffness, self.link = elements, stiffness, link
        self.fixed = mesh.boundary
        size = len(self.fixed)
        self.base = sp.csr_array((size, size))
        self.load = _assemble(elements, mass, size) @ _nodal(source, size)
        self.values = _nodal(boundary, size)
        self.observe = mesh.interpolation(points)

    def operator(self, c: Array) -> Any:
        return _assemble(self.elements, c[:, None, None] * self.stiffness, len(self.fixed))

    def form(self, v: Array, u: Array) -> Array:
        left, right = v[self.elements], u[self.elements]
        out: Array = np.einsum("ei,eij,ej->e", left, self.stiffness, right)
        return out


def _node_average(elements: NDArray[np.int64], size: int) -> Any:
    count, corners = elements.shape
    rows = np.repeat(np.arange(count), corners)
    weights = np.full(rows.size, 1.0 / corners)
    return sp.coo_array((weights, (rows, elements.ravel())), shape=(count, size)).tocsr()


class DarcyGrid(_Darcy):
    """-div(c grad u) = source, Q1 on a box; theta per cell, node or block.

    At nodes, a cell takes the mean of link(theta) over its nodes.

    ``at`` is "cells", "nodes" or a tuple (blocks along each axis), numbered in C order, x slow.
    """

    def __init__(
        self,
        box: Box,
        points: ArrayLike,
        source: ArrayLike = 1.0,
        boundary: ArrayLike = 0.0,
        at: str | tuple[int, ...] = "cells",
        link: Link = LINKS["exp"],
    ) -> None:
        stiffness, mass = (
            np.broadcast_to(k, (int(np.prod(box.cells)), *k.shape)) for k in box.element_matrices()
        )
        elements = box.corners
        self._set(box, elements, stiffness, mass, points, source, boundary, link)
        if at == "nodes":
            self.weights = _node_average(elements, len(self.fixed))
            return
        blocks = box.cells if at == "cells" else at
        assert not isinstance(blocks, str)
        self.weights = sp.lil_array((len(elements), int(np.prod(blocks))))
        for e, cell in enumerate(np.ndindex(*box.cells)):
            block = tuple(i * b // n for i, b, n in zip(cell, blocks, box.cells, strict=True))
            self.weights[e, np.ravel_multi_index(block, blocks)] = 1.0
        self.weights = self.weights.tocsr()


class DarcyP1(_Darcy):
    """-div(c grad u) = source, P1; theta at "cells" or "nodes" (its mean over the corners)."""

    def __init__(
        self,
        mesh: Triangulation,
        points: ArrayLike,
        source: ArrayLike = 1.0,
        boundary: ArrayLike = 0.0,
        at: str = "nodes",
        link: Link = LINKS["exp"],
    ) -> None:
        stiffness, mass = mesh.element_matrices()
        self._set(mesh, mesh.cells, stiffness, mass, points, source, boundary, link)
        self.weights = (
            _node_average(mesh.cells, len(mesh.points))
            if at == "nodes"
            else sp.eye_array(len(mesh.cells), format="csr")
        )
