"""Scattering data of matrix fields along rays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base.validate import Array, array, rows, shape_of, short
from ..rays import RayFamily
from ._paths import check_field, make_paths, step_or_default
from .base import Model

if TYPE_CHECKING:
    from ..noise import GaussianNoise

LARGEST = 5
"""n of so(n): matrices are unrolled by the compiler."""
FALSE_ALARM = 1e-12
"""Probability of refusing data that are right."""


class NonAbelianXRay(Model):
    """Non-Abelian X-ray transform: C_i = U(0), where U' + Phi(x_i + t v_i) U = 0, U(tau) = Id.

    Parameters
    ----------
    rays, field, at
        As for :class:`XRay`.
    group : {"so(3)", "su(2)", "so(2)", "so(4)", "so(5)"}
        Where Phi has its values. Its components make theta, one after the other: C fields of D
        values each, (C * D,).

        - so(3), C = 3: Phi w = a x w. Data: the 9 entries of the rotation C_i, by rows.
        - su(2), C = 3: Phi = -i/2 (a_1 sigma_1 + a_2 sigma_2 + a_3 sigma_3) with Pauli's matrices,
          so that both have the same structure constants. Data: the 4 complex entries, by rows,
          real and imaginary part each.
        - so(n), C = n (n - 1)/2: Phi_ji = -Phi_ij = theta_c for the pairs i < j, by rows. Data:
          the n^2 entries.
    step : float, optional
        Largest length of a step along a ray; by default about the size of a cell. The method is of
        order 4 for smooth fields, and its data are in the group to rounding. A step may turn by at
        most pi in so(3) and su(2), by 1 in so(n): beyond, the solve has failed, as the step does
        not resolve the field.

    Attributes
    ----------
    components : int
        C.
    data_shape : tuple
        (N, n, n), and (N, 2, 2, 2) for su(2), the last axis being the real and imaginary part.
        :class:`m4dl.Posterior` takes data in this shape too, or complex ones (N, 2, 2) through
        :meth:`vector`.

    Raises
    ------
    ValueError
        A group that is not there, or rays that leave the field. In a posterior: data that are not
        in the group within the noise.

    Source
    ------
    F. Monard, R. Nickl, G. Paternain, Consistent inversion of noisy non-Abelian X-ray transforms,
    Comm. Pure Appl. Math. 74 (2021), eq. 1.1-1.3. The derivative is dC = C int U^{-1} dPhi U dt.
    """

    def __init__(
        self,
        rays: RayFamily,
        field: Any,
        *,
        group: str = "so(3)",
        at: str = "nodes",
        step: float | None = None,
    ):
        domain, where = check_field(field, at)
        kind, self.n = _group(group)
        paths, _ = make_paths(rays, field, at, step_or_default(step, field))
        components = 3 if kind == "su2" else self.n * (self.n - 1) // 2
        core = _core.non_abelian_xray(paths, kind, self.n)
        entries = (len(rays), self.n, self.n)
        shape = (*entries, 2) if kind == "su2" else entries
        super().__init__(core, domain, where, components=components, data_shape=shape)
        self.group = group
        self.rays = rays

    def matrices(self, y: ArrayLike) -> Array:
        """Return data (..., m) as matrices (..., N, n, n), complex for su(2)."""
        values, batch = rows("y", y, self.outputs)
        out = values.copy().reshape(*batch, *self.data_shape)
        return out @ np.array([1.0, 1.0j]) if self.group == "su(2)" else out

    def vector(self, matrices: ArrayLike) -> Array:
        """Return matrices (..., N, n, n) as data (..., m): the inverse of :meth:`matrices`."""
        shape_of("matrices", matrices)
        c = np.asarray(matrices)
        if self.group == "su(2)":
            c = np.stack([c.real, c.imag], axis=-1)
        shape = self.data_shape
        if c.shape[-len(shape) :] != shape:
            raise ValueError(
                f"matrices must have shape (..., {len(self.rays)}, {self.n}, {self.n}), "
                f"got {np.shape(matrices)}"
            )
        return array("matrices", c.reshape(*c.shape[: -len(shape)], self.outputs))

    def matrix_field(self, theta: ArrayLike) -> Array:
        """Return the matrices Phi (..., D, n, n) of theta (..., C * D)."""
        values = array("theta", theta)
        if values.shape[-1:] != (self.parameters,):
            raise ValueError(f"theta must have shape (..., {self.parameters}), got {values.shape}")
        a = values.reshape(*values.shape[:-1], self.components, -1)
        return np.asarray(np.einsum("...cd,cij->...dij", a, _basis(self.group, self.n)))

    def coefficients(self, field: ArrayLike) -> Array:
        """Return theta (..., C * D) of a matrix field Phi (..., D, n, n).

        Raises
        ------
        ValueError
            If a matrix is not skew, or for su(2) not skew-Hermitian without a trace.
        """
        shape_of("field", field)
        phi, basis = np.asarray(field), _basis(self.group, self.n)
        size = self.parameters // self.components
        if phi.shape[-3:] != (size, self.n, self.n):
            raise ValueError(
                f"field must have shape (..., {size}, {self.n}, {self.n}), got {phi.shape}"
            )
        norm = (np.abs(basis[0]) ** 2).sum()
        a = np.einsum("...dij,cij->...cd", phi, basis.conj()).real / norm
        rest = np.abs(phi - np.einsum("...cd,cij->...dij", a, basis)).max(axis=(-2, -1))
        if not (rest <= 1e-10 * (1.0 + np.abs(phi).max())).all():
            where = tuple(int(k) for k in np.unravel_index(int(np.nanargmax(rest)), rest.shape))
            raise ValueError(
                f"field must be in {self.group}, but at {where} it is off by {rest[where]:g}"
            )
        return array("field", a.reshape(*a.shape[:-2], self.parameters))

    def check_data(self, data: Array, noise: GaussianNoise) -> None:
        """Refuse data (m,) that are farther from the group than the noise can explain.

        A datum is no farther from the group than from the noiseless one, |E|^2 <= sigma^2 times a
        chi-squared number with as many degrees of freedom as it has entries.
        """
        from scipy.special import chdtri

        squares = _squared_distance(self.matrices(data), self.group) / np.max(noise.std) ** 2
        entries = self.outputs // len(self.rays)
        worst = int(squares.argmax())
        one = chdtri(entries, FALSE_ALARM / len(squares))
        every = chdtri(entries * len(squares), FALSE_ALARM)
        if squares[worst] <= one and squares.sum() <= every:
            return
        raise ValueError(
            f"data must lie in the group of {self.group} up to the noise, but ray {worst} is "
            f"{np.sqrt(squares[worst]):.3g} standard deviations of an entry away from it, and all "
            f"are {np.sqrt(squares.mean()):.3g} on average (at most {np.sqrt(one):.3g} and "
            f"{np.sqrt(every / len(squares)):.3g})"
        )


def _group(group: Any) -> tuple[str, int]:
    name = group if isinstance(group, str) else ""
    if name == "so(3)":
        return "so3", 3
    if name == "su(2)":
        return "su2", 2
    found = re.fullmatch(r"so\((\d+)\)", name)
    if found is None or not 2 <= int(found[1]) <= LARGEST:
        raise ValueError(
            f"group must be 'su(2)', or 'so(2)' to 'so({LARGEST})', got {short(group)}"
        )
    return "so", int(found[1])


def _basis(group: str, n: int) -> Array:
    """Matrices (C, n, n) that the components of a field multiply."""
    if group == "su(2)":
        sigma = [[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]
        return np.asarray(-0.5j * np.array(sigma))
    # (row, column) of the entries +1: hat(a) for so(3), the pairs in order else
    places = [(j, i) for i in range(n) for j in range(i + 1, n)]
    if n == 3:
        places = [(2, 1), (0, 2), (1, 0)]
    out = np.zeros((len(places), n, n))
    for c, (i, j) in enumerate(places):
        out[c, i, j], out[c, j, i] = 1.0, -1.0
    return out


def _squared_distance(matrices: Array, group: str) -> Array:
    """Squared Frobenius distance (N,) of matrices to the nearest element of the group."""
    norm = (np.abs(matrices) ** 2).sum(axis=(1, 2))
    if group == "su(2)":
        # <Y, U> = q . d for the unit quaternion q of U, greatest for q = d/|d|
        a, b, c, d = (matrices[:, i, j] for i in (0, 1) for j in (0, 1))
        d4 = [a.real + d.real, -b.imag - c.imag, c.real - b.real, d.imag - a.imag]
        return np.asarray(norm - 2.0 * np.linalg.norm(d4, axis=0) + 2.0)
    values = np.linalg.svd(matrices, compute_uv=False)
    values[:, -1] *= np.sign(np.linalg.det(matrices))  # the group has determinant 1
    return np.asarray(norm - 2.0 * values.sum(axis=1) + matrices.shape[1])
