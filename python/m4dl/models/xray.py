"""Integrals over rays, and their attenuated relatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._base.callback import called
from .._base.validate import Array, array, number, shape_of
from ..rays import RayFamily, Rays, ZernikeBasis
from ._paths import check_field, make_paths, sampling, step_or_default
from .base import Model
from .options import check_link


class XRay(Model):
    """X-ray transform y_i = int_0^tau f(x_i + t v_i) dt: computed tomography.

    Parameters
    ----------
    rays : Rays or Geodesics
        Lines through any plane domain, or geodesics of a disk.
    field : Grid, TriangleMesh or ZernikeBasis
        Where theta = f lives; it must hold the rays. Between a mesh and a curved boundary that it
        does not reach, the field is that of the nearest boundary point.
    at : {"nodes", "cells"}
        On a grid: values at the nodes, bilinear in between, or one value a cell (pixels). A ray
        between two rows of pixels has half of each.
    step : float, optional
        Largest length of a step along a ray, with two Gauss points each: needed for geodesics. By
        default rays are cut where they leave a cell, and the transform of the piecewise linear,
        bilinear or constant field is exact; with a ``ZernikeBasis`` it is exact too.

    Source
    ------
    F. Natterer, The Mathematics of Computerized Tomography, SIAM 2001, sec. II.1.
    """

    def __init__(
        self, rays: RayFamily, field: Any, *, at: str = "nodes", step: float | None = None
    ):
        domain, where = check_field(field, at)
        if isinstance(field, ZernikeBasis) and step is None and isinstance(rays, Rays):
            core = _core.linear_dense(_exact_matrix(rays, field))
        else:
            core = _core.xray(make_paths(rays, field, at, step)[0])
        super().__init__(core, domain, where)
        self.rays = rays


def _exact_matrix(rays: Rays, basis: ZernikeBasis) -> Array:
    """Gauss's rule with k points is exact up to degree 2 k - 1."""
    x, w = np.polynomial.legendre.leggauss(basis.max_degree // 2 + 1)
    t = 0.5 * rays.length[:, None] * (1.0 + x)
    points = rays.start[:, None] + t[..., None] * rays.direction[:, None]
    values = basis.evaluate(points.reshape(-1, 2)).reshape(*t.shape, -1)
    return np.asarray(0.5 * rays.length[:, None] * np.einsum("k,rkb->rb", w, values))


class AttenuatedXRay(Model):
    """Attenuated X-ray transform y_i = int_0^tau f exp(-int_t^tau a ds) dt: emission tomography.

    Parameters
    ----------
    rays, field, at
        As for :class:`XRay`.
    attenuation : float, array_like (D,) or callable, optional
        a, known: a number, values where f lives, or a function of points (P, 2) -> (P,); then
        theta = f and the transform is linear. Without it a is unknown: theta = (f, psi), two
        components of D values each, and a = link(psi) there.
    link : {"exp", "softplus", "identity"}
        Of an unknown attenuation; by default "exp" on a mesh. In a basis a = psi ("identity").
    floor : float
        Least attenuation of the links "exp" and "softplus".
    step : float, optional
        Largest length of a step along a ray; by default about the size of a cell. The method is of
        order 4 for smooth fields.

    Raises
    ------
    ValueError
        A link or floor together with a known attenuation, a link in a basis, values that are not
        finite.

    Source
    ------
    R. Novikov, Ark. Mat. 40 (2002), sec. 1, for the transform.
    """

    def __init__(
        self,
        rays: RayFamily,
        field: Any,
        *,
        attenuation: float | ArrayLike | Callable[[Array], ArrayLike] | None = None,
        link: str | None = None,
        floor: float = 0.0,
        at: str = "nodes",
        step: float | None = None,
    ):
        domain, where = check_field(field, at)
        paths, quadrature = make_paths(rays, field, at, step_or_default(step, field))
        if attenuation is None:
            in_basis = isinstance(field, ZernikeBasis)
            link = ("identity" if in_basis else "exp") if link is None else link
            if in_basis and link != "identity":
                raise ValueError(f"link must be 'identity' in a basis, got {link!r}")
            core = _core.unknown_attenuation_xray(paths, check_link(link, floor))
            super().__init__(core, domain, where, components=2)
        else:
            if link is not None or floor != 0.0:
                raise ValueError(
                    f"link and floor belong to an unknown attenuation, got link={link!r}, "
                    f"floor={floor}"
                )
            values = self._keep(
                "attenuation", lambda: _known(attenuation, field, at, quadrature.points)
            )
            if callable(attenuation):
                self._argue(attenuation=0.0)  # its values are kept
            super().__init__(_core.attenuated_xray(paths, values), domain, where)
        self.rays = rays


def _known(attenuation: Any, field: Any, at: str, points: Array) -> Array:
    """The attenuation at the points of the paths."""
    if callable(attenuation):
        return array(
            "attenuation", called("attenuation", attenuation, points.copy()), (len(points),)
        )
    if shape_of("attenuation", attenuation) == ():
        return np.full(len(points), number("attenuation", attenuation))
    node, weight = sampling(field, at, points)
    size = field.size if isinstance(field, ZernikeBasis) else field.size_of(at)
    values = array("attenuation", attenuation, (size,))
    return np.asarray((weight * values[node]).sum(axis=1))
