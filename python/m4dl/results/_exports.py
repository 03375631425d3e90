"""What draws are turned into: data as a posterior predicts them, pictures, ArviZ's groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import ArrayLike

from .._base.callback import Functional
from .._base.optional import optional
from .._base.roles import Likely, Noise, Predicting
from .._base.validate import Array
from . import _arviz, _pictures, _predictive
from ._pictures import Pictured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ._draws import Draws


class Exports(Pictured):
    """The part of `Draws` that hands them on."""

    def plot_trace(
        self,
        parameters: Sequence[int] | None = None,
        functional: ArrayLike | Functional | None = None,
    ) -> Figure:
        """Draw the chains over time, and beside them the histogram of each chain.

        Parameters
        ----------
        parameters : sequence of int, optional
            Components of theta. If None: the two with the smallest bulk ESS, after the
            log-likelihood.
        functional : (D,) array or callable, optional
            One more row: see `functional`.
        """
        return _pictures.trace(cast("Draws", self), parameters, functional)

    def predictive(
        self,
        of: Predicting,
        *,
        noise: Noise | None = None,
        seed: int | None = None,
        threads: int = 0,
    ) -> Array:
        """Return data as the posterior predicts them, or outputs of a model, at each draw.

        Parameters
        ----------
        of : Posterior or Model
            Of a posterior: data like those it was given, outputs of its model with its noise
            (posterior predictive draws, to be compared with the data or given to `to_arviz`). Of
            any model of the same theta, with observations elsewhere say: its outputs.
        noise : GaussianNoise, optional
            With a model: the noise of data of it.
        seed : int, optional
            In [0, 2**64), for the noise, without which there is none. A chain's noise depends on
            this seed and the chain alone, and is independent of the draws also if theirs is the
            same.
        threads : int
            0 is OpenMP's own choice.

        Returns
        -------
        (chain, draw, m) array
            In memory, after a solve for each draw.

        Raises
        ------
        TypeError, ValueError
            A posterior or model of another theta, noise without a seed, a seed without noise.

        Warns
        -----
        RuntimeWarning
            If solves failed: those rows are NaN.
        """
        return _predictive.predictive(cast("Draws", self), of, noise, seed, threads)

    def to_datatree(
        self, posterior: Likely | None = None, *, predictive: ArrayLike | None = None
    ) -> Any:
        """Return the groups of :meth:`to_arviz` as an ``xarray.DataTree``."""
        tree = optional("xarray", "arviz").DataTree
        return tree.from_dict(_arviz.groups(cast("Draws", self), posterior, predictive))

    def to_arviz(
        self, posterior: Likely | None = None, *, predictive: ArrayLike | None = None
    ) -> Any:
        """Return what the installed ArviZ works with: 0.x ``InferenceData``, 1.x ``DataTree``.

        Parameters
        ----------
        posterior : Posterior, optional
            The one that was sampled, for the groups that need data and model: a solve for each
            draw.
        predictive : (chain, draw, m) array, optional
            What `predictive` returned for that posterior.

        Returns
        -------
        InferenceData or DataTree
            In memory, with the groups

            * ``posterior``: ``theta``, on a grid along ``x``, ``y`` and ``z``; on a mesh along
              ``node`` or ``cell``, which have the coordinates ``x``, ``y`` and ``z``; else along
              ``parameter``. Several components are along ``component``, before the others.
            * ``sample_stats``: ``total_log_likelihood`` (without its constant), ``energy`` and
              ``diverging`` of each draw; ``acceptance_rate``, ``step_size`` and ``failures`` of
              each chain, repeated for each draw.
            * ``observed_data`` and ``log_likelihood``, with a posterior: ``data`` along
              ``datum``, and the log density of each datum, with its constant.
            * ``posterior_predictive``, if given: ``data`` along ``datum``.

        Raises
        ------
        ValueError
            If ``posterior`` is not the one that was sampled, as far as log-likelihoods tell, or
            ``predictive`` has the wrong shape.
        """
        arviz = optional("arviz", "arviz")
        if int(arviz.__version__.split(".")[0]) >= 1:
            return self.to_datatree(posterior, predictive=predictive)
        return arviz.InferenceData(**_arviz.groups(cast("Draws", self), posterior, predictive))
