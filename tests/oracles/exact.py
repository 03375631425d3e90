"""Exact solutions of the elliptic equations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import quad
from scipy.special import iv

from .meshes import Array

Field = Callable[[Array], Array]


def schrodinger_interval(x: ArrayLike, f: float, g: float = 1.0) -> Array:
    """u''/2 = f u on (0, 1), u = g at both ends, f constant."""
    root = np.sqrt(2.0 * f)
    out: Array = g * np.cosh(root * (np.asarray(x) - 0.5)) / np.cosh(root / 2.0)
    return out


def schrodinger_disk(r: ArrayLike, f: float, radius: float = 1.0, g: float = 1.0) -> Array:
    """(1/2) Lap u = f u on a disk, u = g on the circle, f constant."""
    root = np.sqrt(2.0 * f)
    out: Array = g * iv(0, root * np.asarray(r)) / iv(0, root * radius)
    return out


def manufactured_schrodinger(dim: int) -> tuple[Field, Field]:
    """(u, f) with (1/2) Lap u = f u: u = exp(q), q = sum a_i x_i^2/2, f = (sum a_i + a_i^2 x_i^2)/2
    > 0.

    The axes have different a_i, so that a transposed field shows. Both take points (P, d).
    """
    a = np.array([1.0, 1.8, 0.6])[:dim]

    def u(x: Array) -> Array:
        return np.exp(0.5 * np.sum(a * x**2, axis=1))

    def f(x: Array) -> Array:
        out: Array = 0.5 * (a.sum() + np.sum(a**2 * x**2, axis=1))
        return out

    return u, f


def manufactured_darcy(dim: int) -> tuple[Field, Field, Field]:
    """(u, theta, s) with -div(exp(theta) grad u) = s and u = 0 on the unit box's boundary.

    u = prod sin(pi x_i), theta = sum b_i x_i, so s = exp(theta) (d pi^2 u - b . grad u). All take
    points (P, d).
    """
    b = np.array([0.7, -1.1, 0.4])[:dim]

    def u(x: Array) -> Array:
        out: Array = np.prod(np.sin(np.pi * x), axis=1)
        return out

    def theta(x: Array) -> Array:
        return x @ b

    def source(x: Array) -> Array:
        slope = np.zeros(len(x))
        for axis in range(dim):
            others = np.delete(np.sin(np.pi * x), axis, axis=1).prod(axis=1)
            slope += b[axis] * np.pi * np.cos(np.pi * x[:, axis]) * others
        out: Array = np.exp(theta(x)) * (dim * np.pi**2 * u(x) - slope)
        return out

    return u, theta, source


def darcy_interval(x: ArrayLike, f: Callable[[float], float], s: float) -> Array:
    """(f u')' = s on (0, 1), u = 0 at both ends: f u' = s t + c, integrated by quadrature."""
    total, first = quad(lambda t: 1.0 / f(t), 0, 1)[0], quad(lambda t: t / f(t), 0, 1)[0]
    c = -s * first / total
    return np.array([quad(lambda t: (s * t + c) / f(t), 0, end)[0] for end in np.ravel(x)])


def darcy_disk(r: ArrayLike, f: float, s: float, radius: float = 1.0) -> Array:
    """div(f grad u) = s on a disk, u = 0 on the circle, f constant."""
    out: Array = (np.asarray(r) ** 2 - radius**2) * s / (4.0 * f)
    return out


def darcy_disk_radial(
    r: ArrayLike, f: Callable[[float], float], s: Callable[[float], float], radius: float = 1.0
) -> Array:
    """div(f grad u) = s on a disk, f and s radial, u = 0 on the circle.

    u' = int_0^r s rho drho / (r f), by quadrature.
    """

    def slope(t: float) -> float:
        return 0.0 if t == 0.0 else float(quad(lambda rho: s(rho) * rho, 0, t)[0]) / (t * f(t))

    return np.array([-quad(slope, start, radius)[0] for start in np.ravel(r)])
