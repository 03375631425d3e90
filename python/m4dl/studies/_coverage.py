"""Coverage studies: do credible sets hold the truth as often as they say?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._base import validate
from .._base.defined import UndefinedError
from .._base.progress import Bar
from .._base.validate import Array
from ..credible import Kind
from ..kernels import Kernel
from ..posterior import Posterior, check_posterior
from ..priors import Prior
from ._judge import generator_text, hopeless, judge
from ._replicates import Failed, Plan, failed, in_threads, sample_group, threads_of
from ._replicates import Replicate as Job
from ._study import CoverageStudy, Replicate
from ._study_store import StudyStore

MakeData = Callable[[Array, int, np.random.Generator], Posterior]


def coverage(
    make_data: MakeData,
    truth: ArrayLike | Prior,
    sizes: int | Sequence[int],
    sets: Mapping[str, Kind],
    kernel: Kernel | Callable[[Posterior], Kernel],
    *,
    replicates: int,
    draws: int,
    warmup: int = 0,
    thin: int = 1,
    chains: int = 4,
    seed: int,
    level: float = 0.95,
    confidence: float = 0.95,
    tolerance: float = 0.05,
    most_rhat: float = 1.05,
    least_ess: float = 100.0,
    start: str | ArrayLike | Callable[[Posterior], ArrayLike] = "prior",
    store: str | os.PathLike[str] | None = None,
    threads: int = 0,
    progress: bool = True,
) -> CoverageStudy:
    """Simulate data from a known truth many times; count how often credible sets hold it.

    Parameters
    ----------
    make_data : callable
        ``make_data(truth, N, rng)`` returns the posterior given N simulated data; all randomness
        (places, noise) from ``rng``, the generator of this replicate. If it returns posteriors with
        the same model, prior and noise objects each time, their chains fill the lanes of common
        blocks. It is called in the calling thread.
    truth : (D,) array or Prior
        A fixed truth, or a prior: then each replicate draws its own. With the prior of the
        posterior, coverage is the level exactly, whatever the model: a check of the sampler.
    sizes : int or sequence of int
        N, or several.
    sets : dict of str to kinds of sets
        See :mod:`m4dl.credible`.
    kernel : kernel or callable
        As for :func:`m4dl.sample`, or a function from posterior to kernel.
    replicates : int
        Data sets for each N.
    draws, warmup, thin, chains
        As for :func:`m4dl.sample`, for each data set.
    seed : int
        In [0, 2**64). Replicate r at N has ``np.random.default_rng([seed, N, r])``.
    level : float in (0, 1)
        Of the sets.
    confidence : float in (0, 1)
        Of the Clopper-Pearson interval of each coverage, each for itself.
    tolerance : float in (0, 1)
        A set "covers" if that interval lies within this distance of the level.
    most_rhat, least_ess : float
        A replicate counts if the largest R-hat is at most this and the smallest effective sample
        size, of all its chains together, at least that. Watched are the log-likelihood, what the
        sets rely on (functionals, distances), and 16 values of the field.
    start : {"prior", "mean"}, array (W,) or (chains, W), or callable
        As for :func:`m4dl.sample`; or a function from the posterior to such an array.
    store : path, optional
        A folder in which finished replicates are kept. The same call again goes on where a killed
        one stopped, and more ``replicates`` or ``sizes`` extend it; the numbers are those of a
        study in one go. ``make_data`` is told from another by the first replicate only: its data,
        noise, prior and potential.
    threads : int
        0 is OpenMP's own choice. The numbers do not depend on it.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    CoverageStudy
        A replicate that raises is reported, with its traceback, and the rest goes on.

    Raises
    ------
    ValueError, TypeError
        For an argument out of range, a store of another study, or a set whose functional is NaN or
        infinite in some draws: coverage without those replicates would be that of a chosen few.
    RuntimeError
        If at some N no replicate converged: with the reasons, and what to try. Its attribute
        ``study`` is the `CoverageStudy` all the same.
    OSError
        If the store cannot be written.
    KeyboardInterrupt
        After Ctrl-C, once the replicates at work are done; a store holds those before them.
    """
    if not callable(make_data):
        raise TypeError(f"make_data must be a function, got {make_data!r:.60}")
    plan = Plan.checked(draws, warmup, thin, chains)
    known = truth if isinstance(truth, Prior) else validate.array("truth", truth, (None,)).copy()
    given = [sizes]
    if not isinstance(sizes, int | np.integer):
        given = validate.sequence("sizes", sizes, "integers")
    numbers = tuple(validate.integer("sizes", n, 1) for n in given)
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"sizes must be different numbers of data, at least one, got {given}")
    kinds = _checked_sets(sets)
    if isinstance(kernel, type) or not (hasattr(kernel, "start") or callable(kernel)):
        raise TypeError(f"kernel must be a kernel or a function to one, got {kernel!r:.60}")
    count = validate.integer("replicates", replicates, 1)
    seed = validate.seed_number(seed)
    level, confidence, tolerance = (
        validate.interval(name, value, 0.0, 1.0)
        for name, value in (
            ("level", level),
            ("confidence", confidence),
            ("tolerance", tolerance),
        )
    )
    most, least = (
        validate.number("most_rhat", most_rhat),
        validate.positive("least_ess", least_ess),
    )
    if most <= 1:
        raise ValueError(f"most_rhat must exceed 1, got {most}")
    if isinstance(start, str):
        validate.choice("start", start, ("prior", "mean"))
    elif not callable(start):
        start = validate.array("start", start).copy()
    workers = threads_of(threads)
    validate.flag("progress", progress)

    make = partial(_make, make_data, known, kernel, start, seed)
    disk = None
    if store is not None:
        settings = {
            "seed": seed,
            "level": level,
            "plan": repr(plan),
            "kernel": repr(kernel) if hasattr(kernel, "start") else "a function",
            "sets": {name: repr(kind) for name, kind in kinds.items()},
            "rule": [most, least],
        }
        disk = StudyStore(validate.path("store", store), settings, make(numbers[0], 0))
    work = partial(_work, plan, kinds, level, (most, least), seed)
    found: list[Replicate] = []
    total = count * len(numbers)
    with Bar(progress, total=total, unit="replicate", smoothing=0.05) as bar:

        def jobs() -> Iterator[tuple[int, range, list[Any]]]:
            for N in numbers:
                for first in range(0, count, plan.group):
                    these = range(first, min(first + plan.group, count))
                    if disk and (old := disk.load(N, these)) is not None:
                        found.extend(old)
                        bar.update(len(these))
                        continue
                    yield N, these, [make(N, r) for r in these]

        for (N, these, _), done in in_threads(jobs(), work, workers):
            if disk:
                disk.save(N, these, done)
            found.extend(done)
            bar.update(len(these))
    rule = f"R-hat is at most {most:g} and ESS at least {least:g}"
    found.sort(key=lambda r: (numbers.index(r.N), r.index))
    study = CoverageStudy(found, numbers, tuple(kinds), level, confidence, tolerance, seed, rule)
    for N in numbers:
        if not study.used(N):
            error = RuntimeError(hopeless(study, N))
            error.study = study  # type: ignore[attr-defined]
            raise error
    return study


def _checked_sets(sets: Any) -> dict[str, Kind]:
    if not isinstance(sets, Mapping) or not sets:
        raise ValueError(f"sets must be a dict of names to kinds of sets, got {sets!r:.60}")
    for name, kind in sets.items():
        if not isinstance(name, str) or isinstance(kind, type) or not hasattr(kind, "of"):
            raise TypeError(
                f"sets must map names to kinds of sets such as credible.Ball(), got {name!r}: "
                f"{kind!r:.60}"
            )
    return dict(sets)


def _make(
    make_data: MakeData,
    truth: Array | Prior,
    kernel: Any,
    start: Any,
    seed: int,
    N: int,
    index: int,
) -> tuple[Array, Job | Failed]:
    """The truth of a replicate, and its posterior with data; runs a user's code."""
    rng = np.random.default_rng([seed, N, index])
    theta = truth
    if isinstance(theta, Prior):
        theta = theta.push(rng.standard_normal(theta.white), threads=1)
    try:
        posterior = check_posterior(make_data(theta.copy(), N, rng))
        if theta.size != posterior.parameters:
            raise ValueError(
                f"truth must have the posterior's {posterior.parameters} values, got {theta.size}"
            )
        chosen = kernel if hasattr(kernel, "start") else kernel(posterior)
        begin = start(posterior) if callable(start) else start
        if not isinstance(begin, str):
            begin = validate.array("start", begin).copy()
        return theta, Job(posterior, chosen, begin)
    except Exception:
        return theta, failed()


def _work(
    plan: Plan,
    kinds: dict[str, Kind],
    level: float,
    rule: tuple[float, float],
    seed: int,
    job: tuple[int, range, list[tuple[Array, Job | Failed]]],
) -> list[Replicate]:
    N, these, made = job
    sampled = sample_group([m for _, m in made], plan, seed, N, these[0])
    out = []
    for index, (theta, _), draws in zip(these, made, sampled, strict=True):
        try:
            out.append(judge(N, index, theta, draws, kinds, level, rule))
        except UndefinedError as error:  # a verdict from the others would be of a chosen few
            error.add_note(
                f"in replicate {index} at N = {N}, with {generator_text(seed, N, index)}"
            )
            raise
        except Exception:
            out.append(Replicate(N, index, error=failed().error))
    return out
