"""The groups of ArviZ's schema, with the places and names of what theta holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._base.optional import optional
from .._base.roles import Likely
from .._base.validate import Array, real
from ..domains import Grid
from ._predictive import check_draws_of, outputs
from ._record import Record

if TYPE_CHECKING:
    from ._draws import Draws

_PAIR = ("chain", "draw")
_AXES = ("x", "y", "z")

#: How far a log-likelihood may differ from the one of the run: solvers have tolerances.
_SAME = 1e-3


def groups(draws: Draws, posterior: Any, predictive: ArrayLike | None) -> dict[str, Any]:
    """Return an ``xarray.Dataset`` for each group."""
    dataset = optional("xarray", "arviz").Dataset
    along = {"chain": np.arange(draws.chains), "draw": np.arange(draws.draws)}
    shape, dims, places = layout(draws)
    theta = np.asarray(draws.theta).reshape(draws.chains, draws.draws, *shape)
    out = {
        "posterior": dataset({"theta": ((*_PAIR, *dims), theta)}, along | places),
        "sample_stats": dataset(_statistics(draws), along),
    }
    size = None
    if posterior is not None:
        if not hasattr(posterior, "_log_density_of_data"):
            raise TypeError(f"posterior must be a m4dl Posterior, got {type(posterior).__name__}")
        data = posterior.data
        size = data.size
        datum = {"datum": np.arange(size)}
        pointwise = pointwise_log_likelihood(draws, posterior)
        out["log_likelihood"] = dataset({"data": ((*_PAIR, "datum"), pointwise)}, along | datum)
        out["observed_data"] = dataset({"data": (("datum",), data)}, datum)
    if predictive is not None:
        values = real("predictive", predictive)
        wanted = (draws.chains, draws.draws)
        if values.ndim != 3 or values.shape[:2] != wanted or size not in (None, values.shape[2]):
            m = "m" if size is None else size
            raise ValueError(
                f"predictive must have shape ({wanted[0]}, {wanted[1]}, {m}), got {values.shape}"
            )
        datum = {"datum": np.arange(values.shape[2])}
        out["posterior_predictive"] = dataset({"data": ((*_PAIR, "datum"), values)}, along | datum)
    return {name: group.assign_attrs(_attributes(draws)) for name, group in out.items()}


def layout(record: Record) -> tuple[tuple[int, ...], tuple[str, ...], dict[str, Any]]:
    """Return the shape of one theta, the names of its axes, and xarray's coordinates for them.

    On a grid the axes are those of space. On a mesh there is one, and its places x, y, z go along
    it; without either there is one of parameters. Several components come first.
    """
    shape, dims, coordinates = _places(record)
    if record.components > 1:
        shape, dims = (record.components, *shape), ("component", *dims)
        coordinates = {"component": np.arange(record.components), **coordinates}
    return shape, dims, coordinates


def _places(record: Record) -> tuple[tuple[int, ...], tuple[str, ...], dict[str, Any]]:
    domain, at = record.domain, record.at
    if domain is None or at is None:
        size = record.parameters
        places = np.arange(size) if record.names is None else list(record.names)
        return (size,), ("parameter",), {"parameter": places}
    axes = _AXES[: domain.dim]
    if isinstance(domain, Grid):
        return domain.shape_of(at), axes, dict(zip(axes, domain.axes(at), strict=True))
    line = at.removesuffix("s")
    coordinates: dict[str, Any] = {line: np.arange(domain.size_of(at))}
    for axis, x in zip(axes, domain.coordinates(at).T, strict=True):
        coordinates[axis] = ((line,), x)
    return (domain.size_of(at),), (line,), coordinates


def _statistics(draws: Draws) -> dict[str, Any]:
    """What is known of each draw; numbers of a chain are repeated, for every row has both axes."""
    of_draws: dict[str, Any] = {"total_log_likelihood": (_PAIR, draws.log_likelihood)}
    for name in ("energy", "diverging"):
        if (values := getattr(draws, name)) is not None:
            of_draws[name] = (_PAIR, values)
    shape = (draws.chains, draws.draws)
    for name, values, text in (
        ("acceptance_rate", draws.acceptance, "mean acceptance probability of the chain"),
        ("step_size", draws.step_size, "step size of the chain after warmup"),
        ("failures", draws.failures, "number of failed solves in the whole chain"),
    ):
        repeated = np.broadcast_to(values[:, None], shape).copy()
        of_draws[name] = (_PAIR, repeated, {"description": text})
    return of_draws


def _attributes(draws: Draws) -> dict[str, Any]:
    """What survives NetCDF and Zarr: numbers and strings only."""
    about: dict[str, Any] = {"inference_library": "m4dl", **draws.provenance}
    about.update({k: v for k, v in draws.about().items() if not isinstance(v, list)})
    return {
        k: v if isinstance(v, str | float) or type(v) is int else json.dumps(v, default=str)
        for k, v in about.items()
    }


def pointwise_log_likelihood(draws: Draws, posterior: Likely) -> Array:
    """Return the log-likelihood of each datum, (chain, draw, m), if the draws are this posterior's.

    Raises
    ------
    ValueError
        If their sums are not those of the run.
    """
    check_draws_of(draws, "posterior", posterior)
    out = posterior._log_density_of_data(outputs(draws, posterior.model))
    # An error e of G, relative to |G|, changes the sum by |(y - G)/sigma| |G/sigma| e.
    found = out.sum(axis=-1) - posterior._log_constant()
    known = draws.log_likelihood
    loss = np.sqrt(2 * np.abs(known)) * np.linalg.norm(posterior.data / posterior.noise.std)
    gap = np.abs(found - known)
    wrong = ~(gap <= _SAME * (1 + np.abs(known)) + 1e-5 * loss)
    if wrong.any():
        c, d = (int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            "posterior must be the one that was sampled: its log-likelihood at draw "
            f"{d} of chain {c} is {found[c, d]:.6g}, and that of the run {known[c, d]:.6g}"
        )
    return out
