"""Calibration of a sampler: does it draw from the posterior at all? Ranks that must be uniform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base import validate
from .._base.callback import Functional, check_functionals, functional_values
from .._base.defined import defined
from .._base.names import parameter_name
from .._base.progress import Bar
from .._base.streams import Purpose, derived_seed, generator, spelled
from .._base.validate import Array
from ..kernels import Kernel
from ..posterior import Posterior, check_posterior
from ..results import Draws, diagnostics
from ..sampling import sample
from ._ranks import Calibration
from ._replicates import Plan, in_threads, threads_of, with_data

_BYTES = 2**24  # of the draws of the replicates that are run side by side
_MOST_BLOCKS = 32


def sbc(
    posterior: Posterior,
    kernel: Kernel,
    *,
    replicates: int,
    draws: int,
    warmup: int = 0,
    thin: int = 1,
    chains: int = 1,
    seed: int,
    functionals: Mapping[str, ArrayLike | Functional] | None = None,
    start: str = "prior",
    confidence: float = 0.95,
    threads: int = 0,
    progress: bool = True,
) -> Calibration:
    """Simulation-based calibration: truths from the prior, ranked among draws given their data.

    If the draws are independent ones of the posterior, the rank of the truth is uniform. It tests
    the whole way from ``warmup`` on, adaptation included. Autocorrelated draws give ranks that pile
    up at both ends: thin until the effective sample size is near the number of draws.

    Parameters
    ----------
    posterior : Posterior
        Its model, prior and noise are used; its data are not.
    kernel : kernel
    replicates : int
    draws, warmup, thin, chains, start
        As for :func:`m4dl.sample`, for each replicate; one chain each is the cheapest.
    seed : int
        In [0, 2**64).
    functionals : dict of str to (D,) array or callable, optional
        What is ranked, beside the log-likelihood: weights, or functions of theta (n, D) -> (n,).
        By default the squared distance from the prior's mean and three values of the field.
    confidence : float in (0, 1)
        Of the simultaneous bands.
    threads : int
        0 is OpenMP's own choice. The result does not depend on it.
    progress : bool
        Show a progress bar on stderr.

    Raises
    ------
    ValueError, TypeError
        For an argument out of range, where the model is not finite at a draw of the prior, or
        where a functional is NaN.

    Source
    ------
    S. Talts, M. Betancourt, D. Simpson, A. Vehtari, A. Gelman, arXiv:1804.06788.
    """
    study = _Study(Purpose.SBC, posterior, kernel, functionals, replicates, seed, confidence)
    plan = Plan.checked(draws, warmup, thin, chains)
    validate.choice("start", start, ("prior", "mean"))

    def rank(these: range) -> tuple[Array, Array]:
        made = study.simulate(these)
        found = study.run(these, made, plan, start)
        values = study.values(found).reshape(len(these), plan.chains, plan.draws, -1)
        ess = [float(np.nanmin(diagnostics.ess(v))) if plan.draws >= 4 else np.nan for v in values]
        flat = values.reshape(len(these), -1, values.shape[-1])
        return _ranks(made.values, flat, made.rngs), np.array(ess)

    parts = study.over(plan, rank, threads, progress)
    ess = float(np.median(np.concatenate([e for _, e in parts])))
    levels = plan.draws * plan.chains + 1
    advice: tuple[str, ...] = ()
    if not ess > 0.5 * (levels - 1):
        advice = (
            f"The median effective sample size is {ess:.0f} of {levels - 1} draws: the ranks are "
            "not those of independent draws. Take a larger thin=, or rank_test.",
        )
    ranks = np.concatenate([r for r, _ in parts])
    name = "simulation-based calibration"
    return Calibration(name, study.named(ranks), levels, study.confidence, ess, advice)


def rank_test(
    posterior: Posterior,
    kernel: Kernel,
    *,
    replicates: int,
    length: int = 16,
    seed: int,
    functionals: Mapping[str, ArrayLike | Functional] | None = None,
    confidence: float = 0.95,
    threads: int = 0,
    progress: bool = True,
) -> Calibration:
    """The joint-distribution test with exact ranks, for reversible kernels.

    It needs no burn-in and no thinning.
    (theta, y) is drawn jointly. theta gets a uniformly random place among ``length`` states of a
    chain for y that is run forwards and backwards from it. If the kernel is reversible for the
    posterior, the rank of theta among the states is exactly uniform, for chains of any length. The
    kernel's own step size is used: nothing adapts.

    Parameters
    ----------
    posterior, kernel, replicates, seed, functionals, confidence, threads, progress
        As for :func:`m4dl.studies.sbc`.
    length : int
        States of a chain, at least 2. Longer chains see more, and cost more.

    Source
    ------
    A. Gandy, J. Scott, Unit testing for MCMC and other Monte Carlo methods, arXiv:2001.06465;
    J. Geweke, Getting it right, J. Amer. Statist. Assoc. 99 (2004), for the idea.
    """
    study = _Study(Purpose.RANK_TEST, posterior, kernel, functionals, replicates, seed, confidence)
    length = validate.integer("length", length, 2)
    plan = Plan(draws=length - 1, warmup=0, thin=1, chains=2)  # one forwards, one backwards

    def rank(these: range) -> Array:
        made = study.simulate(these)
        found = study.run(these, made, plan, np.repeat(made.white, 2, axis=0))
        values = study.values(found).reshape(len(these), 2, length - 1, -1)
        forwards = [int(rng.integers(length)) for rng in made.rngs]
        others = np.stack(
            [
                np.concatenate([v[0, :f], v[1, : length - 1 - f]])
                for v, f in zip(values, forwards, strict=True)
            ]
        )
        return _ranks(made.values, others, made.rngs)

    ranks = np.concatenate(study.over(plan, rank, threads, progress))
    return Calibration("exact rank test", study.named(ranks), length, study.confidence)


@dataclass(frozen=True)
class _Made:
    """Simulated truths: white noise (n, W), data (n, m), what is ranked (n, S), and generators."""

    white: Array
    data: Array
    values: Array
    rngs: list[np.random.Generator]


class _Study:
    """What both tests share: truths and data from the joint law, and chains for them."""

    def __init__(
        self,
        purpose: Purpose,
        posterior: Any,
        kernel: Any,
        functionals: Any,
        replicates: Any,
        seed: Any,
        confidence: Any,
    ) -> None:
        self.purpose, self.posterior = purpose, check_posterior(posterior)
        if isinstance(kernel, type) or not hasattr(kernel, "start"):
            raise TypeError(f"kernel must be a kernel such as PCN(beta=0.2), got {kernel!r:.60}")
        self.kernel = kernel
        self.replicates = validate.integer("replicates", replicates, 50)
        self.seed = validate.seed_number(seed)
        self.confidence = validate.interval("confidence", confidence, 0.0, 1.0)
        prior = self.posterior.prior
        chosen = _default(self.posterior) if functionals is None else functionals
        self.functionals = check_functionals(chosen, prior.push(np.zeros((2, prior.white))))
        self.std = self.posterior.noise.expand(self.posterior.model.outputs)

    def simulate(self, these: range) -> _Made:
        """Draw truths from the prior, and data from them."""
        prior, model = self.posterior.prior, self.posterior.model
        rngs = [generator(self.purpose, self.seed, r) for r in these]
        white = np.stack([rng.standard_normal(prior.white) for rng in rngs])
        theta = prior.push(white, threads=1)
        clean = model.forward(theta, threads=1)
        if not np.isfinite(clean).all():
            r = these[int(np.argwhere(~np.isfinite(clean))[0, 0])]
            raise ValueError(
                f"the model is not finite at the draw of the prior of replicate {r} "
                f"(white noise {spelled(self.purpose, self.seed, r)}.standard_normal"
                f"({prior.white})): take a prior that stays where the equation makes sense"
            )
        noise = np.stack([rng.standard_normal(self.std.size) for rng in rngs])
        log_likelihood = -0.5 * (noise**2).sum(axis=1)
        values = self._evaluate(theta, log_likelihood)
        return _Made(white, clean + self.std * noise, values, rngs)

    def run(self, these: range, made: _Made, plan: Plan, start: str | Array) -> Draws:
        """Sample all of them side by side."""
        return sample(
            with_data(self.posterior, np.repeat(made.data, plan.chains, axis=0)),
            self.kernel,
            draws=plan.draws,
            warmup=plan.warmup,
            thin=plan.thin,
            chains=plan.chains * len(these),
            seed=derived_seed(self.purpose, self.seed, these[0], 1),
            start=start,
            threads=1,
            progress=False,
        )

    def values(self, draws: Draws) -> Array:
        """Return what is ranked, of all draws: (chain, draw, S)."""
        flat = np.asarray(draws.theta).reshape(-1, draws.parameters)
        values = self._evaluate(flat, draws.log_likelihood.ravel())
        return values.reshape(draws.chains, draws.draws, -1)

    def _evaluate(self, theta: Array, log_likelihood: Array) -> Array:
        columns = [log_likelihood]
        for name, of in self.functionals.items():
            label = f"functionals[{name!r}]"
            # infinite ones have ranks, NaN has none
            columns.append(defined(label, functional_values(label, of, theta), finite=False))
        return np.stack(columns, axis=-1)

    def over(self, plan: Plan, work: Callable[[range], Any], threads: Any, progress: Any) -> Any:
        """Return ``work`` of all groups of replicates, in their order."""
        workers = threads_of(threads)
        validate.flag("progress", progress)
        block = 8 * plan.group * plan.chains * plan.draws * self.posterior.parameters
        step = plan.group * int(np.clip(_BYTES // block, 1, _MOST_BLOCKS))
        groups = [
            range(first, min(first + step, self.replicates))
            for first in range(0, self.replicates, step)
        ]
        out = []
        with Bar(progress, total=self.replicates, unit="replicate") as bar:
            for these, part in in_threads(groups, work, workers):
                out.append(part)
                bar.update(len(these))
        return out

    def named(self, ranks: Array) -> dict[str, NDArray[np.int64]]:
        """Ranks (R, S) by name."""
        names = ["log_likelihood", *self.functionals]
        return {name: ranks[:, k].astype(np.int64) for k, name in enumerate(names)}


def _default(posterior: Posterior) -> dict[str, Any]:
    mean, size = posterior.prior.mean, posterior.parameters
    places = np.unique(np.linspace(0, size - 1, 5).round().astype(int)[1:-1])
    names = posterior.prior.names
    out: dict[str, Any] = {parameter_name(names, i): np.eye(1, size, int(i))[0] for i in places}
    out["|theta - prior mean|^2"] = lambda theta: ((theta - mean) ** 2).sum(axis=1)
    return out


def _ranks(truth: Array, others: Array, rngs: list[np.random.Generator]) -> Array:
    """Rank of truth (n, S) among others (n, L, S), ties broken at random: (n, S) in 0..L."""
    below = (others < truth[:, None]).sum(axis=1)
    ties = (others == truth[:, None]).sum(axis=1)
    return np.stack(
        [b + rng.integers(0, t + 1) for b, t, rng in zip(below, ties, rngs, strict=True)]
    )
