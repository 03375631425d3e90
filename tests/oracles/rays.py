"""Transforms along straight rays, ray by ray and step by step, with plain matrix exponentials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

Array = NDArray[Any]
Interpolation = Callable[[Array], Any]

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def generators(group: str) -> Array:
    """Matrices (C, n, n) that span the algebra, with the components of a field as coordinates."""
    if group == "su(2)":
        return -0.5j * PAULI
    if group == "so(3)":
        e = np.eye(3)
        return np.stack([np.cross(e[c], e).T for c in range(3)]).astype(complex)
    n = int(group[3:-1])
    out = []
    for i in range(n):
        for j in range(i + 1, n):
            m = np.zeros((n, n), dtype=complex)
            m[j, i], m[i, j] = 1.0, -1.0
            out.append(m)
    return np.stack(out)


@dataclass(eq=False)
class Lines:
    """Straight rays in steps no longer than ``step``; ``field`` interpolates at points (P, 2)."""

    start: Array
    direction: Array
    length: Array
    step: float
    field: Interpolation
    components: int = 1

    @property
    def parameters(self) -> int:
        return int(self.components * self.field(self.start[:1]).shape[1])

    def steps(self, ray: int) -> tuple[float, Array]:
        """Width of the steps of a ray, and its Gauss points (steps, 2, 2)."""
        count = max(1, int(np.ceil(self.length[ray] / self.step - 1e-9)))
        h = self.length[ray] / count
        nodes = 0.5 + np.array([-1.0, 1.0]) / np.sqrt(12.0)
        t = h * (np.arange(count)[:, None] + nodes)
        return h, self.start[ray] + t[..., None] * self.direction[ray]

    def values(self, theta: Array, points: Array) -> Array:
        """Components at points (steps, 2, 2): (steps, 2, C)."""
        p = np.asarray(self.field(points.reshape(-1, 2)) @ theta.reshape(self.components, -1).T)
        return p.reshape(*points.shape[:2], self.components)

    def datum(self, theta: Array, ray: int) -> Array:
        raise NotImplementedError

    def forward(self, theta: Array) -> Array:
        return np.concatenate([self.datum(theta, i) for i in range(len(self.length))])

    def pull(self, theta: Array, sensitivity: Array) -> Array:
        return self.jacobian(theta.tobytes()).T @ sensitivity

    @cache  # noqa: B019 (a few states of one test)
    def jacobian(self, state: bytes) -> Array:
        """Derivatives without cancellation: Im f(theta + i e)/e, e = 1e-30, entry by entry."""
        theta = np.frombuffer(state)
        columns = [self.forward(theta + 1e-30j * e).imag / 1e-30 for e in np.eye(len(theta))]
        return np.stack(columns, axis=1)


class LineIntegrals(Lines):
    """Integrals of the field."""

    def datum(self, theta: Array, ray: int) -> Array:
        h, points = self.steps(ray)
        return np.array([0.5 * h * self.values(theta, points).sum()])


@dataclass(eq=False)
class Attenuated(Lines):
    """f exp(-depth), with the attenuation exp(psi) at the nodes; depth by Gauss collocation.

    Within a step the attenuation is taken as the line through its values at the two points.
    """

    components: int = 2
    link: Callable[[Array], Array] = np.exp

    def datum(self, theta: Array, ray: int) -> Array:
        h, points = self.steps(ray)
        size = len(theta) // 2
        both = np.concatenate([theta[:size], self.link(theta[size:])])
        nodes = 0.5 + np.array([-1.0, 1.0]) / np.sqrt(12.0)
        total, depth = 0.0, 0.0
        for (f0, a0), (f1, a1) in self.values(both, points)[::-1]:
            slope = (a1 - a0) / (nodes[1] - nodes[0])

            def beyond(c: float, a0: Any = a0, slope: Any = slope) -> Any:
                # int_c^1 a0 + slope (s - nodes[0]) ds
                mean = a0 + slope * (0.5 * (1.0 + c) - nodes[0])
                return (1.0 - c) * mean

            for f, c in ((f0, nodes[0]), (f1, nodes[1])):
                total = total + 0.5 * h * f * np.exp(-depth - h * beyond(c))
            depth = depth + h * beyond(0.0)
        return np.array([total])

    def exact(self, theta: Callable[[Array], Array], ray: int) -> Array:
        """The datum of (f, a) given as a function of points (2,) -> (2,), to about 1e-12."""
        tau = self.length[ray]

        def slope(s: float, state: Array) -> Array:
            f, a = theta(self.start[ray] + (tau - s) * self.direction[ray])
            return np.array([f * np.exp(-state[1]), a])

        end = solve_ivp(slope, (0, tau), [0.0, 0.0], "DOP853", rtol=1e-12, atol=1e-13)
        return end.y[:1, -1]


@dataclass(eq=False)
class Scattering(Lines):
    """U' + Phi U = 0, U(tau) = Id, to U(0), by the Magnus method of order 4."""

    components: int = 3
    group: str = "so(3)"

    def datum(self, theta: Array, ray: int) -> Array:
        h, points = self.steps(ray)
        # in real form, so that a shift of theta off the real line does not mix with U's own i
        a = real_form(generators(self.group))
        values = self.values(theta, points)[::-1]
        first, second = np.tensordot(values[:, 1], a, 1), np.tensordot(values[:, 0], a, 1)
        omega = 0.5 * h * (first + second)
        omega = omega - np.sqrt(3.0) / 12.0 * h**2 * (first @ second - second @ first)
        u = np.eye(a.shape[1])
        for turn in exponential(omega):
            u = turn @ u
        return from_real_form(u, self.group)

    def exact(self, theta: Callable[[Array], Array], ray: int) -> Array:
        """The datum of a field given as a function of points (2,) -> (C,), to about 1e-12."""
        a, tau = real_form(generators(self.group)), self.length[ray]

        def slope(s: float, u: Array) -> Array:
            x = self.start[ray] + (tau - s) * self.direction[ray]
            return (np.tensordot(theta(x), a, 1) @ u.reshape(a.shape[1:])).ravel()

        end = solve_ivp(
            slope, (0, tau), np.eye(a.shape[1]).ravel(), "DOP853", rtol=1e-12, atol=1e-13
        )
        return from_real_form(end.y[:, -1].reshape(a.shape[1:]), self.group)


def exponential(matrices: Array) -> Array:
    """exp of matrices (..., n, n) of norm below 2, whose 30th power is 2^30/30! = 4e-24."""
    out = term = np.broadcast_to(np.eye(matrices.shape[-1]), matrices.shape)
    for k in range(1, 31):
        term = term @ matrices / k
        out = out + term
    return out


def real_form(matrices: Array) -> Array:
    """Complex matrices as real ones of twice the size; real ones as they are."""
    if not np.iscomplex(matrices).any():
        return matrices.real
    blocks = [[matrices.real, -matrices.imag], [matrices.imag, matrices.real]]
    return np.block(blocks)


def from_real_form(u: Array, group: str) -> Array:
    """The data of a frame: entries by rows, for su(2) the real and the imaginary part of each."""
    if group != "su(2)":
        return np.asarray(u.ravel())
    return np.stack([u[:2, :2], u[2:, :2]], axis=-1).ravel()
