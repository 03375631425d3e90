"""``sample``: from a posterior and a kernel to draws."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, overload

from numpy.typing import ArrayLike

from .._base import validate
from .._base.callback import Functional, check_functionals
from .._base.validate import Array
from ..kernels import Kernel, Lessons, adapted_target
from ..posterior import Posterior, check_posterior
from ..results import Draws, Moments
from ._drive import DrawsRecorder, Loop, Recorder
from ._problem import Problem
from ._provenance import provenance
from ._recorders import MomentsRecorder
from ._start import prepare
from ._store import Store
from ._store_recorder import StoreRecorder


@overload
def sample(
    posterior: Posterior,
    kernel: Kernel,
    *,
    draws: int,
    warmup: int = 0,
    chains: int = 4,
    seed: int,
    thin: int = 1,
    threads: int = 0,
    keep: Literal["draws"] = "draws",
    store: str | os.PathLike[str] | None = None,
    start: str | ArrayLike | None = None,
    progress: bool = True,
) -> Draws: ...
@overload
def sample(
    posterior: Posterior,
    kernel: Kernel,
    *,
    draws: int,
    warmup: int = 0,
    chains: int = 4,
    seed: int,
    thin: int = 1,
    threads: int = 0,
    keep: Literal["moments"],
    functionals: Mapping[str, ArrayLike | Functional] | None = None,
    store: str | os.PathLike[str] | None = None,
    start: str | ArrayLike | None = None,
    progress: bool = True,
) -> Moments: ...
def sample(
    posterior: Posterior,
    kernel: Kernel,
    *,
    draws: int,
    warmup: int = 0,
    chains: int = 4,
    seed: int,
    thin: int = 1,
    threads: int = 0,
    keep: str = "draws",
    functionals: Mapping[str, ArrayLike | Functional] | None = None,
    store: str | os.PathLike[str] | None = None,
    start: str | ArrayLike | None = None,
    progress: bool = True,
) -> Draws | Moments:
    """Sample a posterior with several chains.

    Parameters
    ----------
    posterior : Posterior
        What to sample.
    kernel : PCN, MALA, HMC, ULA or DelayedAcceptance
        How.
    draws : int
        Draws to keep per chain: ``draws * thin`` iterations.
    warmup : int
        Iterations before them, in which the kernel may adapt its step size, and learn a metric or
        an error model; not recorded, not thinned.
    chains : int
        Number of chains. A chain's draws depend on ``seed`` and its index alone, unless the kernel
        learns from all chains in warmup.
    seed : int
        In [0, 2**64). There is no default: a result must be reproducible.
    thin : int
        Keep one draw in so many iterations.
    threads : int
        0 is OpenMP's own choice at the time of the call.
    keep : {"draws", "moments"}
        "moments" accumulates mean, variance and batch-means standard error of theta, of the
        log-likelihood and of ``functionals``, in memory O(D) whatever the number of draws.
    functionals : dict of str to (D,) array or callable
        With ``keep="moments"``: weights psi, for <theta, psi>, or functions from theta (n, D) to
        (n,).
    store : path, optional
        Stream to this Zarr folder, with checkpoints. The same call again continues a killed or
        interrupted run, with the very bits of an uninterrupted one; with more ``draws`` (and
        ``keep="draws"``) it extends it.
    start : {"laplace", "learn", "prior", "mean"} or array of shape (W,) or (chains, W), optional
        Where chains start. "laplace", the default if the model has a tangent: at independent draws
        of the Laplace approximation, whose metric a kernel without one of its own gets too; where
        the search has found several minima, the density at most 100 times less than at the lowest,
        around each in turn. "learn", the default for other models if warmup is at least 200 and the
        kernel adapts: at draws of the prior, and a kernel without a metric of its own learns one in
        warmup from all chains (see :class:`m4dl.PCN`). "prior": at draws of the prior. "mean": at
        its mean, white noise zero. Or at this white noise. Where the potential is not finite at a
        draw, that chain takes the next of its own (at most 100); ``notes`` of the result count
        them.
    progress : bool
        Show a progress bar on stderr: acceptance, and iterations per second of all chains together.

    Returns
    -------
    Draws or Moments
        ``acceptance``, ``failures`` (solves that gave NaN) and ``divergences`` (steps that lost the
        energy) count the iterations after warmup.
        After Ctrl-C: what is finished, with ``complete`` False; a second Ctrl-C stops at once and
        returns nothing.

    Raises
    ------
    ValueError, TypeError
        For an argument out of range, a potential that is not finite at the start that is given or
        at none of the draws for it, or a store of another run.
    RuntimeError
        If every solve of a chain fails.
    OSError
        If the store cannot be written.
    KeyboardInterrupt
        If Ctrl-C comes before the first draw; a store then holds a checkpoint all the same.

    Warns
    -----
    RuntimeWarning
        If the search for the most probable point gave up (kept in ``notes`` of the result, and in
        its summary), or if solves failed or steps diverged.
    """
    check_posterior(posterior)
    if isinstance(kernel, type) or not hasattr(kernel, "start"):
        raise TypeError(f"kernel must be a kernel such as PCN(beta=0.2), got {kernel!r:.60}")
    draws = validate.integer("draws", draws, 1)
    warmup = validate.integer("warmup", warmup, 0)
    chains = validate.integer("chains", chains, 1)
    seed = validate.seed_number(seed)
    thin = validate.integer("thin", thin, 1)
    threads = validate.thread_count(threads)
    if store is not None:
        store = validate.path("store", store)
    validate.choice("keep", keep, ("draws", "moments"))
    validate.flag("progress", progress)
    if keep == "draws" and functionals is not None:
        raise ValueError(
            'functionals belong to keep="moments"; with keep="draws" use Draws.functional'
        )
    begin = prepare(posterior, kernel, start, chains, warmup, seed, threads, store, progress)
    xi0, kernel = begin.xi, begin.kernel
    lessons = Lessons.of(kernel, posterior.core, chains, warmup)
    run = kernel.start(posterior.core, chains, seed, xi0, threads)
    chosen: dict[str, Array | Functional] = {}
    if functionals is not None:
        chosen = check_functionals(functionals, posterior.prior.push(xi0, threads))

    size = posterior.parameters
    named = {"kernel": repr(kernel), "seed": seed, "warmup": warmup, "thin": thin}
    plan = {**named, "chains": chains, "keep": keep, "start": begin.name}
    about = provenance(
        **plan, draws=draws, threads=threads, solver=run.solver, notes=list(begin.notes)
    )
    disk = None
    if store is not None:
        # batches have a length fixed by draws, so moments cannot be extended
        settings = plan if keep == "draws" else {**plan, "draws": draws}
        shape = (chains, draws, size) if keep == "draws" else None
        disk = Store(store, Problem.of(posterior, kernel, xi0, chosen, settings), shape, about)
    recorder: Recorder
    if keep == "moments":
        recorder = MomentsRecorder(chains, size, draws, chosen)
    elif disk is not None:
        recorder = StoreRecorder(disk, chains, size)
    else:
        recorder = DrawsRecorder(chains, draws, size)
    target = adapted_target(kernel) if warmup else None
    loop = Loop(run, recorder, disk, draws, warmup, thin, lessons, target)
    if disk is not None:
        loop.resume(disk, about)
        about = {**disk.provenance, "resumed": disk.resumed} if disk.resumed else disk.provenance
    if recorder.done < draws:
        loop.advance_all(progress)
    return recorder.result(
        **loop.report(),
        **named,
        complete=recorder.done == draws,
        provenance=about,
        domain=posterior.domain,
        at=posterior.at,
        names=posterior.prior.names,
    )
