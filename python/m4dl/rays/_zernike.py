"""Zernike polynomials, and the singular value decomposition of the X-ray transform of the disk."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base.callback import called
from .._base.fixed import Fixed
from .._base.validate import Array, array, integer, short


class ZernikeBasis(Fixed):
    """Real Zernike polynomials Z_{n,k}, 0 <= k <= n <= degree: orthonormal in L2 of the unit disk.

    Z_{n,k} has the order m = 2 k - n, and in polar coordinates (r, phi) is
    sqrt((n + 1)/pi) R_n(r) for m = 0, sqrt(2 (n + 1)/pi) R_n^m(r) cos(m phi) for m > 0, and
    sqrt(2 (n + 1)/pi) R_n^|m|(r) sin(|m| phi) for m < 0, with R_n^m(1) = 1.

    Parameters
    ----------
    degree : int
        The largest n.

    Attributes
    ----------
    max_degree : int
    size : int
        (degree + 1) (degree + 2) / 2: polynomials of this degree are spanned.
    degree, order : ndarray of int, (size,)
        n and m; Z_{n,k} has number n (n + 1) / 2 + k.

    Raises
    ------
    ValueError, TypeError
        A negative degree.

    Source
    ------
    F. Zernike, Physica 1 (1934); NIST Digital Library of Mathematical Functions, 18.37.
    """

    _remembers = True

    def __init__(self, degree: int):
        self.max_degree = integer("degree", degree, 0)
        n = np.arange(self.max_degree + 1)
        self.degree: NDArray[np.int64] = np.repeat(n, n + 1)
        self.size = len(self.degree)
        self.order: NDArray[np.int64] = (
            2 * (np.arange(self.size) - self.degree * (self.degree + 1) // 2) - self.degree
        )

    def evaluate(self, points: ArrayLike) -> Array:
        """Return the polynomials at points (P, 2) of the closed unit disk, (P, size)."""
        x = array("points", points, (None, 2))
        r = np.hypot(x[:, 0], x[:, 1])
        outside = np.flatnonzero(r > 1.0 + 1e-12)
        if outside.size:
            i = outside[0]
            raise ValueError(
                f"points must lie in the unit disk, got ({x[i, 0]:g}, {x[i, 1]:g}) in row {i}"
            )
        out = np.empty((len(x), self.size))
        power = np.ones(len(x), dtype=np.complex128)  # (x + i y)^m = r^m e^{i m phi}
        for m in range(self.max_degree + 1):
            for j, radial in enumerate(_jacobi((self.max_degree - m) // 2, m, 2.0 * r**2 - 1.0)):
                n = m + 2 * j
                scale = math.sqrt((1 if m == 0 else 2) * (n + 1) / math.pi)
                first = n * (n + 1) // 2
                out[:, first + (n + m) // 2] = scale * radial * power.real
                if m > 0:
                    out[:, first + (n - m) // 2] = scale * radial * power.imag
            power *= x[:, 0] + 1j * x[:, 1]
        return out

    def coefficients(
        self, function: Callable[[Array], ArrayLike], *, exact: int | None = None
    ) -> Array:
        """Return the integrals of ``function`` times each Z_{n,k} over the disk, (size,).

        Parameters
        ----------
        function : callable
            From points (P, 2) of the disk to values (P,).
        exact : int, optional
            Polynomials up to this degree are integrated exactly; default ``max_degree``. Raise it
            for functions that are no polynomials.
        """
        if not callable(function):
            raise TypeError(f"function must be callable, got {short(function)}")
        degree = self.max_degree
        extra = degree if exact is None else integer("exact", exact, 0)
        # Products have degree `degree + exact`: half of it in r^2, all of it in phi.
        x, w = np.polynomial.legendre.leggauss((degree + extra) // 4 + 1)
        r = np.sqrt(0.5 + 0.5 * x)  # dx = d(r^2)/2 dphi
        count = degree + extra + 1
        phi = 2.0 * np.pi * np.arange(count) / count
        points = np.stack([np.outer(r, np.cos(phi)), np.outer(r, np.sin(phi))], axis=-1)
        points = points.reshape(-1, 2)
        weights = np.repeat(0.25 * w * 2.0 * np.pi / count, count)
        values = array("function", called("function", function, points.copy()), (len(points),))
        return np.asarray((weights * values) @ self.evaluate(points))

    def __repr__(self) -> str:
        return f"ZernikeBasis({self.max_degree})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZernikeBasis) and self.max_degree == other.max_degree

    def __hash__(self) -> int:
        return hash((ZernikeBasis, self.max_degree))


def _jacobi(last: int, b: int, x: Array) -> list[Array]:
    """Jacobi polynomials P_j^{(0, b)}(x) for j = 0, ..., last (DLMF 18.9.1 and 18.9.2)."""
    out = [np.ones_like(x), 1.0 + 0.5 * (b + 2) * (x - 1.0)]
    for j in range(2, last + 1):
        s = 2 * j + b
        slope = (s - 1) * (s * (s - 2) * x - b * b) * out[-1]
        back = 2 * (j - 1) * (j + b - 1) * s * out[-2]
        out.append((slope - back) / (2 * j * (j + b) * (s - 2)))
    return out[: last + 1]


@dataclass(frozen=True)
class XRaySingularFunction:
    """One singular function of the X-ray transform I_0 of the unit disk, in closed form.

    Data live on (boundary angle, incidence) in [0, 2 pi) x (-pi/2, pi/2), with the measure
    d beta d alpha of mass 2 pi^2; I_0* is the adjoint for it.

    Attributes
    ----------
    n, k : int
    value : float
        The singular value sqrt(4 pi / (n + 1)): I_0* I_0 Z_{n,k} = value^2 Z_{n,k}.

    Source
    ------
    A. M. Cormack, J. Appl. Phys. 35 (1964), for the integrals over lines; F. Monard,
    SIAM J. Imaging Sci. 13 (2020), for this measure.
    """

    n: int
    k: int

    def __post_init__(self) -> None:
        integer("n", self.n, 0)
        if integer("k", self.k, 0) > self.n:
            raise ValueError(f"k must be at most n = {self.n}, got {self.k}")

    @property
    def value(self) -> float:
        """Return sqrt(4 pi / (n + 1))."""
        return math.sqrt(4.0 * math.pi / (self.n + 1))

    def field(self, points: ArrayLike) -> Array:
        """Return Z_{n,k} at points (P, 2) of the unit disk, (P,)."""
        number = self.n * (self.n + 1) // 2 + self.k
        return ZernikeBasis(self.n).evaluate(points)[:, number].copy()

    def data(self, boundary_angle: ArrayLike, incidence: ArrayLike) -> Array:
        """Return I_0 Z_{n,k} on rays (m,) from boundary angles at incidences, (m,)."""
        beta = array("boundary_angle", boundary_angle, (None,))
        alpha = array("incidence", incidence, (len(beta),))
        n, m = self.n, 2 * self.k - self.n
        # The line has the normal at angle beta + alpha + pi/2, and the distance -sin(alpha).
        turned = alpha + 0.5 * np.pi
        scale = math.sqrt((1 if m == 0 else 2) * (n + 1) / math.pi) * 2.0 / (n + 1)
        wave = np.cos(m * (beta + turned)) if m >= 0 else np.sin(-m * (beta + turned))
        return np.asarray(scale * np.sin((n + 1) * turned) * wave)


def xray_singular_system(n: int, k: int) -> XRaySingularFunction:
    """Return the singular value and functions of the X-ray transform at Z_{n,k}, k = 0, ..., n.

    I_0 f = int f along a line of the unit disk; the measure of lines is d(boundary angle)
    d(incidence), of mass 2 pi^2, as for ``m4dl.rays.Rays.random``. Then I_0 Z_{n,k} = ``data``, and
    I_0* I_0 Z_{n,k} = 4 pi/(n + 1) Z_{n,k}.
    """
    return XRaySingularFunction(n, k)
