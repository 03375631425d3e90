"""The engine of studies: many small posteriors, sampled in the lanes of few blocks, on threads."""

from __future__ import annotations

import math
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from .. import _core
from .._base import validate
from .._base.streams import seed_of
from .._base.validate import Array
from ..kernels import Kernel
from ..posterior import Posterior
from ..results import PER_DRAW, Draws, Record
from ..sampling import sample

LANES: int = _core.build_info()["lanes"]  # chains that a thread advances at once

Job = TypeVar("Job")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Plan:
    """How each replicate is sampled."""

    draws: int
    warmup: int
    thin: int
    chains: int

    @classmethod
    def checked(cls, draws: Any, warmup: Any, thin: Any, chains: Any) -> Plan:
        """Check the arguments of a study that `sample` would check late, once a replicate."""
        return cls(
            validate.integer("draws", draws, 1),
            validate.integer("warmup", warmup, 0),
            validate.integer("thin", thin, 1),
            validate.integer("chains", chains, 1),
        )

    @property
    def group(self) -> int:
        """Number of replicates whose chains fill whole blocks."""
        return math.lcm(LANES, self.chains) // self.chains


@dataclass(frozen=True)
class Replicate:
    """A posterior to sample, by a kernel, from white noise (chains, W) or as ``sample`` has it."""

    posterior: Posterior
    kernel: Kernel
    start: str | Array


@dataclass(frozen=True)
class Failed:
    """A replicate that raised, and the traceback."""

    error: str


def failed() -> Failed:
    """Describe the exception that is being handled."""
    return Failed(traceback.format_exc())


def stack(posteriors: list[Posterior], chains: int) -> Posterior:
    """Return one posterior for ``sample`` whose chains have data of their own.

    Chain c is one of ``posteriors[c // chains]``; all share model, prior and noise.
    """
    return with_data(posteriors[0], np.repeat([p.data for p in posteriors], chains, axis=0))


def with_data(posterior: Posterior, data: Array) -> Posterior:
    """Return a posterior for ``sample`` that has data (chains, m), a row for each chain."""
    return posterior._changed(core=posterior.core_for(data))


def sample_group(
    group: list[Replicate | Failed], plan: Plan, *entropy: int
) -> list[Draws | Failed]:
    """Sample replicates side by side; each has its own draws, or says why it has none.

    Replicates that share model, prior and noise (the same objects), kernel and kind of start fill
    the lanes of common blocks. Their chains depend on their place in the group and ``entropy``
    alone: a replicate that failed before leaves its lanes to a copy. If the common run raises, each
    is sampled by itself.
    """
    good = [r for r in group if isinstance(r, Replicate)]
    if len(good) > 1 and all(_shared(good[0], r) for r in good[1:]):
        filled = [r if isinstance(r, Replicate) else good[0] for r in group]
        try:
            together = _sample(filled, plan, seed_of(*entropy, 1))
        except Exception:
            pass  # one of them is at fault: each by itself says which
        else:
            pieces = zip(group, together, strict=True)
            return [r if isinstance(r, Failed) else draws for r, draws in pieces]
    out: list[Draws | Failed] = []
    for place, replicate in enumerate(group):
        if isinstance(replicate, Failed):
            out.append(replicate)
            continue
        try:
            out += _sample([replicate], plan, seed_of(*entropy, 2 + place))
        except Exception:
            out.append(failed())
    return out


def _shared(a: Replicate, b: Replicate) -> bool:
    same = a.posterior.shares(b.posterior)
    return same and a.kernel == b.kernel and type(a.start) is type(b.start)


def _sample(group: list[Replicate], plan: Plan, seed: int) -> list[Draws]:
    first, each = group[0], plan.chains
    start: Any = first.start
    if not isinstance(start, str):
        shape = (each, first.posterior.white)
        start = np.concatenate([np.broadcast_to(r.start, shape) for r in group])
    draws = sample(
        stack([r.posterior for r in group], each),
        first.kernel,
        draws=plan.draws,
        warmup=plan.warmup,
        thin=plan.thin,
        chains=each * len(group),
        seed=seed,
        start=start,
        threads=1,  # threads take groups
        progress=False,
    )
    return [_chains_of(draws, slice(each * k, each * (k + 1))) for k in range(len(group))]


def _chains_of(draws: Draws, which: slice) -> Draws:
    """Some of the chains of a run."""
    about = {f.name: getattr(draws, f.name) for f in fields(Record) if f.init}
    names = ("acceptance", "step_size", "failures", "divergences")
    for name in (*names, "coarse_acceptance", "coarse_failures"):
        if about[name] is not None:
            about[name] = about[name][which]
    of_draws = {name: getattr(draws, name)[which] for name in PER_DRAW}
    return Draws(draws.theta[which], **of_draws, **about)


def threads_of(threads: Any) -> int:
    """Return the number of threads that take groups: OpenMP's own choice for 0."""
    return validate.thread_count(threads) or int(_core.build_info()["threads"])


def in_threads(
    jobs: Iterable[Job], work: Callable[[Job], Out], threads: int
) -> Iterator[tuple[Job, Out]]:
    """Yield (job, work(job)) in the order of the jobs.

    Jobs are made in the calling thread, for they run a user's code; ``work`` runs in others, and
    spends its time in compiled code. On Ctrl-C what has not begun never begins.
    """
    waiting: deque[tuple[Job, Future[Out]]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for job in jobs:
            waiting.append((job, pool.submit(work, job)))
            if len(waiting) > 2 * threads:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
