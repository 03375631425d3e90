"""Pictures of a run, from its arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._base import validate
from .._base.callback import Functional
from .._base.names import parameter_name
from .._base.validate import Array
from ._record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ._draws import Draws


class Pictured(Record):
    """A run whose posterior mean and standard deviation can be drawn."""

    def mean(self) -> Array:
        raise NotImplementedError

    def std(self) -> Array:
        raise NotImplementedError

    def plot_fields(
        self,
        exact: ArrayLike | None = None,
        *,
        domain: Any = None,
        at: str | None = None,
        **options: Any,
    ) -> Figure:
        """Draw the posterior mean and standard deviation, beside the truth where it is known.

        Parameters
        ----------
        exact : (D,) array, optional
            The true field.
        domain, at : optional
            Where the field lives, if the run does not know it.
        **options
            ``points``, ``label`` and ``plane``: see :func:`m4dl.plot.fields`.
        """
        from ..plot import fields

        domain = self.domain if domain is None else domain
        at = self.at if at is None else at
        return fields(self.mean(), self.std(), exact, domain=domain, at=at, **options)


def trace(
    draws: Draws, parameters: Sequence[int] | None, functional: ArrayLike | Functional | None
) -> Figure:
    """See `Draws.plot_trace`."""
    from ..plot import trace

    rows: dict[str, Array] = {}
    if parameters is None:
        rows["log-likelihood"] = draws.log_likelihood
        parameters = [int(i) for i in np.argsort(draws.ess(), kind="stable")[:2]]
    for i in parameters:
        if validate.integer("parameters", i, 0) >= draws.parameters:
            raise ValueError(f"parameters must be below {draws.parameters}, got {i}")
        rows[parameter_name(draws.names, i)] = np.asarray(draws.theta[:, :, i])
    if functional is not None:
        rows["functional"] = draws.functional(functional)
    if not rows:
        raise ValueError("parameters is empty and there is no functional: nothing to draw")
    state = "" if draws.complete else ", incomplete"
    return trace(rows, f"{draws.chains} chains, {draws.kernel}{state}")
