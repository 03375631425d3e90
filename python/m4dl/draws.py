"""What a run returns: `Draws` with every draw kept, `Moments` with their mean and variance only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _arviz, _predictive, _summary, _tails, _validate, diagnostics
from ._callback import Functional, check_functionals, functional_values
from ._record import Record, optional, shaped
from ._scale import column_norms
from ._stored_array import StoredArray
from ._summary import Summary
from ._validate import Array
from .models import Model
from .posterior import GaussianNoise, Posterior

_LOST = {"theta", "log_likelihood", "energy", "diverging", "quantile", "ess", "functional"}
_LOST |= {"predictive", "to_datatree", "to_arviz"}

_BLOCK = 2**24  # numbers read from storage at a time when draws are streamed: 128 MiB


@dataclass(eq=False, repr=False)
class Draws(Record):
    """The draws of a run.

    Parameters
    ----------
    theta : (chain, draw, D) array
        The draws, read-only: take a copy to change them. They may stay on disk: of anything with
        ``shape``, ``dtype`` and NumPy slicing, such as a Zarr array, a `StoredArray` is made, which
        behaves as an array and reads what it is asked for.
    log_likelihood : (chain, draw) array
    energy : (chain, draw) array, optional
        Minus the log density in white space up to a constant, Phi(xi) + |xi|^2/2, and with HMC that
        of the momentum at the end of the trajectory.
    diverging : (chain, draw) array of bool, optional
        Whether the step to this draw (or, thinned, one since the draw before) diverged: its energy
        was wrong by more than 1,000. It was rejected, so the draw is where it set out from.
    **about
        The run: see `Record`.
    """

    theta: Any
    log_likelihood: Array
    energy: Array | None = None
    diverging: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.theta, np.ndarray | StoredArray):
            stored = hasattr(self.theta, "shape") and hasattr(self.theta, "dtype")
            if not stored:
                _validate.shape_of("theta", self.theta)
            self.theta = StoredArray(self.theta) if stored else np.asarray(self.theta)
        if self.theta.dtype.kind not in "iuf":
            raise TypeError(f"theta must be real numbers, got dtype {self.theta.dtype}")
        shape = self.theta.shape
        if len(shape) != 3 or 0 in shape:
            raise ValueError(f"theta must have shape (chain, draw, D), none of them 0, got {shape}")
        self.set_sizes(*shape)
        self.log_likelihood = shaped("log_likelihood", self.log_likelihood, shape[:2])
        if self.energy is not None:
            self.energy = shaped("energy", self.energy, shape[:2])
        if self.diverging is not None:
            self.diverging = shaped("diverging", self.diverging, shape[:2], "iufb") != 0
        super().__post_init__()

    def mean(self) -> Array:
        """Return the posterior mean (D,), over all chains."""
        return self._moments[0].copy()

    def std(self) -> Array:
        """Return the posterior standard deviation (D,), over all chains (divisor: draws - 1)."""
        return self._moments[1].copy()

    def quantile(self, p: float | ArrayLike) -> Array:
        """Return quantiles over all chains: (D,) for a number ``p``, (len(p), D) for a sequence.

        Raises
        ------
        ValueError
            If some p is outside [0, 1], or so close to its ends that no draw lies beyond it.
        """
        levels = _validate.array("p", p)
        if levels.ndim > 1 or levels.size == 0:
            raise ValueError(
                f"p must be a number or a sequence of numbers, got shape {levels.shape}"
            )
        total = self.chains * self.draws
        for level in np.atleast_1d(levels):
            if not 0 <= level <= 1:
                raise ValueError(f"p must be in [0, 1], got {level}")
            beyond = min(level, 1 - level)
            if 0 < beyond * total < 1:
                raise ValueError(
                    f"the {level:g} quantile needs {np.ceil(1 / beyond):.0f} draws, got {total}"
                )
        parts = [
            np.quantile(slab.reshape(total, -1), levels, axis=0)
            for slab in diagnostics.slabs(self.theta)
        ]
        return np.concatenate(parts, axis=-1)

    def ess(self, kind: str = "bulk") -> Array:
        """Return the effective sample size (D,): ``"bulk"``, ``"tail"``, ``"mean"`` or ``"batch"``.

        See :func:`m4dl.diagnostics.ess`.
        """
        if _validate.choice("kind", kind, ("bulk", "tail", "mean", "batch")) == "mean":
            return np.asarray(diagnostics.ess(self.theta, "mean"))
        return self._diagnostics[f"ess_{kind}"].copy()

    def rhat(self) -> Array:
        """Return the rank-normalised split R-hat (D,)."""
        return self._diagnostics["rhat"].copy()

    def mcse(self) -> Array:
        """Return the Monte Carlo standard error (D,) of the posterior mean."""
        return self._diagnostics["mcse_mean"].copy()

    def component(self, number: int) -> Draws:
        """Return the draws of one component of a vector field, to be drawn or measured by itself.

        Raises
        ------
        ValueError
            If there is no such component: they are counted from 0.
        """
        part = self._values_of(number)
        names = None if self.names is None else self.names[part]
        return replace(self, theta=np.asarray(self.theta[:, :, part]), names=names)

    def functional(self, of: ArrayLike | Functional) -> Array:
        """Return a real functional of every draw, (chain, draw).

        Parameters
        ----------
        of : (D,) array or callable
            Weights of a linear functional, or a function from draws (n, D) to (n,). It gets
            them read-only.
        """
        return self._functional("functional", of)

    def _functional(self, name: str, of: ArrayLike | Functional) -> Array:
        parts: list[Array] = []
        for block in self._blocks():
            flat = block.reshape(-1, self.parameters)
            values = functional_values(name, of, flat, trial=not parts)
            parts.append(values.reshape(block.shape[:2]))
        return np.concatenate(parts, axis=1)

    def predictive(
        self,
        of: Posterior | Model,
        *,
        noise: GaussianNoise | None = None,
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
        return _predictive.predictive(self, of, noise, seed, threads)

    def summary(
        self,
        max_rows: int = 8,
        functionals: Mapping[str, ArrayLike | Functional] | None = None,
    ) -> Summary:
        """Return a table of log-likelihood, functionals and at most ``max_rows`` parameters.

        If there are more parameters, those with the worst diagnostics are shown, the worst first.

        Parameters
        ----------
        max_rows : int
        functionals : dict of str to (D,) array or callable, optional
            See `functional`.
        """
        rows = _validate.integer("max_rows", max_rows, 0)
        scalars = {"log_likelihood": self.log_likelihood}
        chosen = {}
        if functionals is not None:
            chosen = check_functionals(functionals, np.asarray(self.theta[0, :2]))
            if both := sorted(set(chosen) & set(self.names or ())):
                raise ValueError(f"a functional needs a name of its own, got {both[0]!r}")
            scalars |= {k: self._functional(f"functionals[{k!r}]", f) for k, f in chosen.items()}
        special = {name: _columns(diagnostics.summarise(v)) for name, v in scalars.items()}
        events = [
            name
            for name, f in chosen.items()
            if callable(f) and np.isin(scalars[name], (0.0, 1.0)).all()
        ]
        run = self.about() | self._evidence({k: v for k, v in scalars.items() if k not in events})
        run["events"] = {name: _visits(special[name]) for name in events}
        return _summary.summarise(run, special, _columns(self._diagnostics), rows, self.names)

    def _evidence(self, scalars: Mapping[str, Array]) -> dict[str, Any]:
        """What the draws say beyond R-hat and effective sizes: see `Summary.run`."""
        share = {name: 1.0 - float(np.isfinite(v).mean()) for name, v in scalars.items()}
        out: dict[str, Any] = {
            "pareto_k": {name: _tails.pareto_k(v) for name, v in scalars.items()},
            "missing": {name: missing for name, missing in share.items() if missing},
        }
        if self.energy is not None and self.kernel.startswith("HMC(") and self.thin == 1:
            out["ebfmi"] = _tails.ebfmi(self.energy).tolist()
        return out

    def to_datatree(
        self, posterior: Posterior | None = None, *, predictive: ArrayLike | None = None
    ) -> Any:
        """Return the groups of :meth:`to_arviz` as an ``xarray.DataTree``."""
        tree = optional("xarray", "arviz").DataTree
        return tree.from_dict(_arviz.groups(self, posterior, predictive))

    def to_arviz(
        self, posterior: Posterior | None = None, *, predictive: ArrayLike | None = None
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
        return arviz.InferenceData(**_arviz.groups(self, posterior, predictive))

    def _blocks(self) -> Iterator[Array]:
        """Read successive draws of all chains, (chain, n, D): as they are stored."""
        step = max(1, _BLOCK // (self.chains * self.parameters))
        for start in range(0, self.draws, step):
            yield np.asarray(self.theta[:, start : start + step], dtype=np.float64)

    @cached_property
    def _moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation, merged block by block (Chan, Golub and LeVeque 1979).

        Norms are merged instead of their squares, which may under- or overflow.
        """
        count, mean, norm = 0, np.zeros(self.parameters), np.zeros(self.parameters)
        for block in self._blocks():
            flat = block.reshape(-1, self.parameters)
            n, centre = len(flat), flat.mean(axis=0)
            shift = centre - mean
            between = np.abs(shift) * np.sqrt(count * n / (count + n))
            norm = np.hypot(np.hypot(norm, column_norms(flat - centre)), between)
            mean += shift * (n / (count + n))
            count += n
        return mean, norm / np.sqrt(count - 1) if count > 1 else np.full_like(mean, np.nan)

    @cached_property
    def _diagnostics(self) -> dict[str, Array]:
        return diagnostics.summarise(self.theta)


class Moments(Record):
    """Mean, variance and errors of a run that kept no draws (``keep="moments"``).

    Parameters
    ----------
    mean, variance : (chain, D) arrays
        Of each chain; the variance is unbiased (divisor draws - 1).
    mcse : (D,) array
        Monte Carlo standard error of the mean over all chains, by batch means.
    rhat : (D,) array
        Convergence diagnostic; NaN where it is undefined.
    functionals : mapping
        For each functional its ``mean``, ``std`` and ``mcse``, and ``rhat`` if known.
    draws : int
        Draws in each chain.
    **about
        The run: see `Record`.

    Attributes
    ----------
    chain_mean, chain_variance : (chain, D) arrays
        ``mean`` and ``variance`` as given.
    """

    def __init__(
        self,
        *,
        mean: ArrayLike,
        variance: ArrayLike,
        mcse: ArrayLike,
        rhat: ArrayLike,
        functionals: Mapping[str, Mapping[str, float]],
        draws: int,
        **about: Any,
    ) -> None:
        super().__init__(**about)
        self.chain_mean = _validate.real("mean", mean)
        if self.chain_mean.ndim != 2 or self.chain_mean.size == 0:
            raise ValueError(
                f"mean must have shape (chain, D), none of them 0, got {np.shape(mean)}"
            )
        chains, size = self.chain_mean.shape
        self.set_sizes(chains, _validate.integer("draws", draws, 1), size)
        self.chain_variance = shaped("variance", variance, (chains, size))
        self._mcse = shaped("mcse", mcse, (size,))
        self._rhat = shaped("rhat", rhat, (size,))
        if not isinstance(functionals, Mapping):
            raise TypeError(f"functionals must be a mapping, got {_validate.short(functionals)}")
        self.functionals = {name: dict(values) for name, values in functionals.items()}

    def mean(self) -> Array:
        """Return the posterior mean (D,), over all chains."""
        return np.asarray(self.chain_mean.mean(axis=0))

    def std(self) -> Array:
        """Return the posterior standard deviation (D,) of all draws, within and between chains."""
        within = (self.draws - 1) * self.chain_variance.sum(axis=0)
        between = self.draws * ((self.chain_mean - self.mean()) ** 2).sum(axis=0)
        degrees = self.chains * self.draws - 1
        return np.sqrt((within + between) / degrees) if degrees else np.full_like(within, np.nan)

    def mcse(self) -> Array:
        """Return the Monte Carlo standard error (D,) of the posterior mean."""
        return self._mcse.copy()

    def rhat(self) -> Array:
        """Return the convergence diagnostic R-hat (D,)."""
        return self._rhat.copy()

    def component(self, number: int) -> Moments:
        """Return the moments of one component of a vector field, counted from 0.

        Functionals are those of the whole field, and stay with it.
        """
        part = self._values_of(number)
        about = {f.name: getattr(self, f.name) for f in fields(Record) if f.init}
        return Moments(
            mean=self.chain_mean[:, part],
            variance=self.chain_variance[:, part],
            mcse=self._mcse[part],
            rhat=self._rhat[part],
            functionals={},
            draws=self.draws,
            **about | {"names": None if self.names is None else self.names[part]},
        )

    def summary(self, max_rows: int = 8) -> Summary:
        """Return a table of the functionals and up to ``max_rows`` parameters, the worst first.

        ``ess`` is (std / mcse)^2, the effective sample size of the mean.
        """
        rows = _validate.integer("max_rows", max_rows, 0)
        special = {name: _batch_columns(**values) for name, values in self.functionals.items()}
        theta = _batch_columns(self.mean(), self.std(), self._mcse, self._rhat)
        missing = {n: np.nan for n, v in self.functionals.items() if not np.isfinite(v["mean"])}
        return _summary.summarise(
            self.about() | {"missing": missing}, special, theta, rows, self.names
        )

    def __getattr__(self, name: str) -> Any:
        if name in _LOST:
            raise AttributeError(
                f'Moments has no {name!r}, the draws were not kept: sample with keep="draws"'
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _columns(of: Mapping[str, Any]) -> dict[str, Any]:
    """Name the columns of a summary as ArviZ does."""
    names = {"mcse_mean": "mcse", "rhat": "r_hat"}
    return {names.get(key, key): values for key, values in of.items()}


def _visits(event: Mapping[str, Any]) -> float:
    """Effective draws in which an event happened, or did not if that is rarer."""
    p = float(event["mean"])
    return 0.0 if p in (0.0, 1.0) else min(p, 1.0 - p) * (event["std"] / event["mcse"]) ** 2


def _batch_columns(mean: Any, std: Any, mcse: Any, rhat: Any = np.nan) -> dict[str, Any]:
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.square(np.divide(std, mcse))
    return {"mean": mean, "std": std, "mcse": mcse, "ess": size, "r_hat": rhat}
