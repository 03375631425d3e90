"""Efficient variances: what N times the posterior variance of a functional tends to."""

from __future__ import annotations

import numpy as np

from .._base.validate import Array
from ..domains import Grid
from ..models import Darcy, Schrodinger
from ..posterior import Posterior

_VANISHES = 0.1  # a function counts as 0 on the boundary if it extrapolates to so much of its most


def efficient_variance(posterior: Posterior, psi: Array, theta0: Array) -> tuple[float | None, str]:
    """Return sigma^2 |O|/N ||L_f(psi/(u phi'))||^2 for the Schroedinger equation, and a remark.

    L_f = Lap/2 - f, and psi as a function: its weights are those of an integral. Derivation:
    I h = V_f[u phi' h] with V_f the inverse of L_f, so that psi = I*I h gives the least favourable
    direction, and <h, psi> = ||I h||^2 = ||L_f(psi/(u phi'))||^2; the data are uniform on O, which
    is where |O| comes from. None with the reason where that is not known.
    """
    model = posterior.model
    if isinstance(model, Darcy):
        return None, (
            "no efficient limit: for generic functionals of the divergence form there is none; "
            "the finite-N reference is all"
        )
    if not isinstance(model, Schrodinger):
        return None, f"no efficient limit is known for {type(model).__name__}"
    if not isinstance(model.domain, Grid):
        return None, "no efficient limit: it is computed on grids only"
    noise = posterior.noise.expand(model.outputs)
    if np.ptp(noise) > 0:
        return None, "no efficient limit: it takes noise of one standard deviation"
    grid = model.domain
    inside = tuple(slice(1, -1) for _ in grid.cells)
    if model.at == "nodes":
        shape = grid.shape_of("nodes")
        edge = np.ones(shape, dtype=bool)
        edge[inside] = False
        if (np.abs(psi.reshape(shape)[edge]) > 1e-9 * np.abs(psi).max()).any():
            return None, "no efficient limit: psi does not vanish on the boundary"
        psi, theta = psi.reshape(shape)[inside], theta0.reshape(shape)[inside]
    else:
        shape = grid.shape_of("interior")
        psi, theta = psi.reshape(shape), theta0.reshape(shape)
    cell = float(np.prod(grid.spacing))
    everywhere = Schrodinger(
        grid,
        grid.coordinates("interior"),
        model.boundary,
        at=str(model.at),
        link=model.link,
        floor=model.floor,
    )
    u = everywhere(theta0).reshape(theta.shape)
    value, slope = _link(model.link, theta)
    w = psi / cell / (u * slope)
    if not _vanishes(w):
        return None, "no efficient limit: psi/(u phi') does not vanish towards the boundary"
    image = -(model.floor + value) * w
    for axis, h in enumerate(grid.spacing):
        padded = np.pad(w, [(int(a == axis),) * 2 for a in range(w.ndim)])
        image = image + 0.5 * np.diff(padded, 2, axis=axis) / h**2
    norm = float((image**2).sum() * cell)
    limit = float(noise[0] ** 2 * grid.measure / noise.size * norm)
    return limit, (
        "the limit assumes places uniform on the domain and a smooth truth, and is reached slowly "
        "unless psi is u phi' times low eigenfunctions: the finite-N reference is the evidence"
    )


def _link(kind: str, theta: Array) -> tuple[Array, Array]:
    """The link without its floor, and its derivative."""
    if kind == "exp":
        return np.exp(theta), np.exp(theta)
    if kind == "identity":
        return theta, np.ones_like(theta)
    return np.logaddexp(0.0, theta), np.asarray(1 / (1 + np.exp(-theta)))


def _vanishes(w: Array) -> bool:
    """Whether values at interior nodes extrapolate to 0 on the boundary, by straight lines."""
    most = float(np.abs(w).max())
    for axis in range(w.ndim):
        if w.shape[axis] < 2:
            continue
        for values in (w, np.flip(w, axis)):
            first, second = np.take(values, 0, axis), np.take(values, 1, axis)
            if float(np.abs(2 * first - second).max()) > _VANISHES * most:
                return False
    return True
