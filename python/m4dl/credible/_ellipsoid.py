"""Ellipsoids of several functionals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from .._base import validate
from .._base.callback import Functional
from .._base.defined import defined
from .._base.fixed import Fixed
from .._base.validate import Array
from ..results import Draws
from ._region import LEVEL, Region, fewest_of, level_of, need_count, need_draws, radius_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
from ._functionals import label_of, value_of
from ._interval import Interval


@dataclass(frozen=True, eq=False)
class Ellipsoid(Fixed):
    """The ellipsoid (v - mean)' S^{-1} (v - mean) <= R^2 of several functionals v of the field.

    Parameters
    ----------
    functionals : sequence of (D,) arrays or callables
        As for `Interval`. S is their posterior covariance.
    """

    functionals: Sequence[ArrayLike | Functional]

    def __post_init__(self) -> None:
        given = validate.sequence("functionals", self.functionals, "weights or functions")
        if any(isinstance(f, str) for f in given):
            raise TypeError(f"functionals must be weights or functions, got {given!r:.60}")
        if not given:
            raise ValueError(f"functionals must hold at least one, got {self.functionals!r}")
        chosen = tuple(Interval(f).functional for f in given)
        sizes = {len(f) for f in chosen if not callable(f)}
        if len(sizes) > 1:
            raise ValueError(f"functionals must have as many weights, got {sorted(sizes)}")
        object.__setattr__(self, "functionals", chosen)
        super().__post_init__()

    def of(self, draws: Draws, level: float = LEVEL) -> EllipsoidRegion:
        """Make the ellipsoid of posterior probability ``level``.

        Raises
        ------
        ValueError
            A level outside (0, 1), fewer draws than needed, functionals that depend on each other
            or are NaN or infinite in some draws.
        TypeError
            For `Moments`.
        """
        level = level_of(level)
        draws, size = need_draws(draws, "an ellipsoid"), len(self.functionals)
        need_count(draws, max(fewest_of(level), size + 1), level, "an ellipsoid")
        found = [
            defined(f"functional {label_of(f)}", draws.functional(f)) for f in self.functionals
        ]
        values = np.stack(found, axis=-1)
        flat = values.reshape(-1, size)
        centre, covariance = flat.mean(axis=0), np.atleast_2d(np.cov(flat, rowvar=False))
        std = np.sqrt(np.diag(covariance))
        spectrum = linalg.eigvalsh(covariance / np.outer(std, std)) if (std > 0).all() else [0.0]
        if not spectrum[0] > 1e-10:
            raise ValueError(
                f"functionals must be linearly independent, got {size} whose correlation matrix "
                f"has the smallest eigenvalue {spectrum[0]:.1g}"
            )
        factor = linalg.cholesky(covariance, lower=True)
        scores = _mahalanobis(flat - centre, factor).reshape(values.shape[:2])
        return EllipsoidRegion(
            f"ellipsoid of {size}",
            level,
            *radius_of("ellipsoid", scores, level),
            scores,
            draws.parameters,
            functionals=tuple(self.functionals),
            centre=centre,
            factor=factor,
            values=values,
        )

    def __repr__(self) -> str:
        return f"Ellipsoid({', '.join(map(label_of, self.functionals))})"


@dataclass(eq=False, repr=False)
class EllipsoidRegion(Region):
    """An ellipsoid: see `Region`. ``centre`` (k,), ``factor`` (k, k) with S = factor factor'."""

    functionals: tuple[Any, ...]
    centre: Array
    factor: Array
    values: Array

    def value(self, theta: ArrayLike) -> Array:
        """Return the functionals of fields (..., D): shape (..., k)."""
        fields = self._fields(theta)
        return np.stack([value_of(f, fields) for f in self.functionals], axis=-1)

    def distance(self, theta: ArrayLike) -> Array:
        """Return ((v - mean)' S^{-1} (v - mean))^{1/2} of fields (..., D): shape (...)."""
        offset = self.value(theta) - self.centre
        flat = offset.reshape(-1, self.centre.size)
        return np.asarray(_mahalanobis(flat, self.factor)).reshape(offset.shape[:-1])

    def watched(self) -> dict[str, Array]:
        """Return the functionals and the distance, (chain, draw) each."""
        each = {f"{self.name}[{k}]": self.values[..., k] for k in range(self.centre.size)}
        return super().watched() | each

    def plot(self, exact: ArrayLike | None = None, ax: Axes | None = None) -> Figure:
        """Draw the ellipse of two functionals with the draws; of others, their distances."""
        from ..plot import regions

        if self.centre.size != 2:
            return super().plot(exact, ax)
        truth = None if exact is None else self.value(self._one(exact))
        shape = self.centre, self.factor, self.radius
        return regions.ellipse(self.values, *shape, truth, self._title(), ax)


def _mahalanobis(offset: Array, factor: Array) -> Array:
    """|factor^{-1} v| for the rows v of ``offset``, by forward substitution."""
    z = np.empty_like(offset.T)
    for k, row in enumerate(factor):
        z[k] = (offset[:, k] - row[:k] @ z[:k]) / row[k]
    return np.asarray(np.sqrt((z**2).sum(axis=0)))
