"""The one loop around the compiled chains: progress, Ctrl-C, recording, checkpoints."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from types import FrameType
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from . import _core, _validate
from ._validate import Array
from .draws import Draws, Moments
from .kernels import Kernel
from .moments import Functional, MomentsRecorder, validate_functionals
from .posterior import Posterior, check_posterior
from .provenance import provenance
from .store import Problem, Store, StoreRecorder

SLICE_SECONDS = 0.15
"""Wall time between two looks at Ctrl-C and the progress bar; the numbers do not depend on it."""
SLICE_BYTES = 8 * 2**20
CHECKPOINT_SECONDS = 10.0
HOPELESS = 100
"""So many iterations from the start of a phase without one solve that succeeds are an error."""


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
    start: str | ArrayLike = "prior",
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
    start: str | ArrayLike = "prior",
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
    start: str | ArrayLike = "prior",
    progress: bool = True,
) -> Draws | Moments:
    """Sample a posterior with several chains.

    Parameters
    ----------
    posterior : Posterior
        What to sample.
    kernel : PCN, MALA or ULA
        How.
    draws : int
        Draws to keep per chain: ``draws * thin`` iterations.
    warmup : int
        Iterations before them, in which the kernel may adapt its step size; not recorded, not
        thinned.
    chains : int
        Number of chains. A chain's draws depend on ``seed`` and its index alone.
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
    start : {"prior", "mean"} or array of shape (W,) or (chains, W)
        Where chains start: at a draw of the prior, at its mean (white noise zero), or at this white
        noise.
    progress : bool
        Show a progress bar on stderr: acceptance, and iterations per second of all chains together.

    Returns
    -------
    Draws or Moments
        ``acceptance`` and ``failures`` (solves that gave NaN) count the iterations after warmup.
        After Ctrl-C: what is finished, with ``complete`` False; a second Ctrl-C stops at once and
        returns nothing.

    Raises
    ------
    ValueError, TypeError
        For an argument out of range, a potential that is not finite at the start, or a store of
        another run.
    RuntimeError
        If every solve of a chain fails.
    OSError
        If the store cannot be written.
    KeyboardInterrupt
        If Ctrl-C comes before the first draw; a store then holds a checkpoint all the same.
    """
    check_posterior(posterior)
    if not hasattr(kernel, "start"):
        raise TypeError(f"kernel must be a kernel such as PCN(beta=0.2), got {kernel!r:.60}")
    draws = _validate.integer("draws", draws, 1)
    warmup = _validate.integer("warmup", warmup, 0)
    chains = _validate.integer("chains", chains, 1)
    seed = _validate.integer("seed", seed, 0)
    if seed >= 2**64:
        raise ValueError(f"seed must be below 2**64, got {seed}")
    thin = _validate.integer("thin", thin, 1)
    threads = _validate.integer("threads", threads, 0)
    _validate.choice("keep", keep, ("draws", "moments"))
    if not isinstance(progress, bool):
        raise TypeError(f"progress must be True or False, got {progress!r:.60}")
    if keep == "draws" and functionals is not None:
        raise ValueError(
            'functionals belong to keep="moments"; with keep="draws" use Draws.functional'
        )
    xi0 = _start(start, chains, seed, posterior.white)
    run = kernel.start(posterior.core, chains, seed, xi0, threads)
    chosen = validate_functionals(functionals, np.asarray(posterior.prior.push(xi0)))

    size = posterior.parameters
    named = {"kernel": repr(kernel), "seed": seed, "warmup": warmup, "thin": thin}
    plan = {**named, "chains": chains, "keep": keep}
    about = provenance(**plan, draws=draws, threads=threads)
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
    loop = _Loop(run, recorder, disk, draws, warmup, thin)
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
        domain=getattr(posterior.prior, "domain", None),
        at=getattr(posterior.prior, "at", None),
    )


def _start(start: str | ArrayLike, chains: int, seed: int, white: int) -> Array:
    """Return the white noise at which the chains start, (chains, W)."""
    if isinstance(start, str):
        _validate.choice("start", start, ("prior", "mean"))
        if start == "mean":
            return np.zeros((chains, white))
        return np.asarray(_core.initial_white_noise(seed, chains, white))
    given = _validate.array("start", start)
    if given.shape not in ((white,), (chains, white)):
        raise ValueError(
            f"start must have shape ({white},) or ({chains}, {white}), got {given.shape}"
        )
    return np.array(np.broadcast_to(given, (chains, white)))


class DrawsRecorder:
    """Keep every draw in memory."""

    def __init__(self, chains: int, draws: int, size: int) -> None:
        try:
            self._theta = np.empty((chains, draws, size))
        except MemoryError as error:
            raise MemoryError(f'{error}; use keep="moments", store= or a larger thin=') from error
        self._log_likelihood = np.empty((chains, draws))
        self.done = 0

    def add(self, theta: Array, log_likelihood: Array) -> None:
        """Record draws of shape (chains, n, D) and their log-likelihoods (chains, n)."""
        stop = self.done + theta.shape[1]
        self._theta[:, self.done : stop] = theta
        self._log_likelihood[:, self.done : stop] = log_likelihood
        self.done = stop

    def close(self) -> None:
        """Nothing is left to bring to its place."""

    def result(self, **metadata: Any) -> Draws:
        """Return the draws, trimmed to what is finished."""
        return Draws(self._theta[:, : self.done], self._log_likelihood[:, : self.done], **metadata)


Recorder = DrawsRecorder | StoreRecorder | MomentsRecorder


class _Interrupt:
    """Turn Ctrl-C into a flag: it may not fall between an iteration and its record.

    A second one raises at once.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: Any = None

    def __enter__(self) -> _Interrupt:
        # handlers live in the main thread alone, and an ignored SIGINT stays ignored
        if threading.current_thread() is threading.main_thread():
            previous = signal.getsignal(signal.SIGINT)
            if callable(previous):
                self._previous = previous
                signal.signal(signal.SIGINT, self._handle)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            self._previous(number, frame)
        self.requested = True

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)


class _Loop:
    """Take a run through warmup and sampling.

    Where it stands is the state of the run, that of the recorder, and three things of its own: the
    counters at the end of warmup, whether that is over, and the seconds of sampling.
    """

    def __init__(
        self, run: Any, recorder: Recorder, disk: Store | None, draws: int, warmup: int, thin: int
    ) -> None:
        self.run, self.recorder, self.disk = run, recorder, disk
        self.draws, self.warmup, self.thin = draws, warmup, thin
        self.accepted, self.failures = np.zeros(run.chains), np.zeros(run.chains, dtype=np.int64)
        self.sampling, self.seconds = False, 0.0
        width = run.chains * run.parameters
        self._most = max(1, SLICE_BYTES // (8 * width))
        self._theta = np.empty(self._most * width)
        self._log_likelihood = np.empty(self._most * run.chains)

    def resume(self, disk: Store, about: dict[str, Any]) -> None:
        """Go to where the store's last checkpoint stands, if it has one."""
        assert not isinstance(self.recorder, DrawsRecorder)
        if saved := disk.load():
            self.run.restore(saved["run"])
            self.recorder.restore(saved["recorder"])
            own = saved["loop"]
            self.accepted, self.failures = own["accepted"], own["failures"]
            self.sampling, self.seconds = bool(own["sampling"]), float(own["seconds"])
        if self.recorder.done > self.draws:
            raise ValueError(
                f"the store {disk.path} holds {self.recorder.done} draws per chain, "
                f"more than draws={self.draws}"
            )
        if self.recorder.done < self.draws:
            if saved:
                disk.resumed.append(about)
            if isinstance(self.recorder, StoreRecorder):
                disk.resize(self.draws)
            self._checkpoint()  # a store that cannot be written says so before hours of sampling

    def advance_all(self, progress: bool) -> None:
        """Run to the end, or to Ctrl-C."""
        run, length, saved = self.run, 1, time.monotonic()
        with _Interrupt() as interrupt, self._bar(progress) as bar:
            while self.recorder.done < self.draws and not interrupt.requested:
                if self.disk and time.monotonic() - saved >= CHECKPOINT_SECONDS:
                    self._checkpoint()
                    saved = time.monotonic()
                self._enter_phase()
                begin = time.perf_counter()
                done = self._advance(length)
                seconds = time.perf_counter() - begin
                self.seconds += seconds if self.sampling else 0.0
                length = max(1, min(4 * done, int(done * SLICE_SECONDS / max(seconds, 1e-9))))
                self._show(bar, done)
                self._check_solves()
            if self.recorder.done:
                self.recorder.close()
            self._checkpoint()
        if not self.recorder.done:
            where = "the store holds a checkpoint" if self.disk else "there is nothing to return"
            raise KeyboardInterrupt(
                f"stopped after {run.iteration} iterations, before the first draw: {where}"
            )

    def report(self) -> dict[str, Any]:
        """Return the counters of the sampling phase, and warn about failed solves."""
        iterations = self.run.iteration - self.warmup
        failures = np.asarray(self.run.failures) - self.failures
        if failures.any():
            counts = ", ".join(f"{n} in chain {k}" for k, n in enumerate(failures) if n)
            warnings.warn(
                f"of {iterations} solves per chain, some failed and were rejected: {counts}",
                RuntimeWarning,
                stacklevel=3,
            )
        return {
            "acceptance": (np.asarray(self.run.accepted) - self.accepted) / iterations,
            "step_size": np.array(self.run.step_size),
            "failures": failures,
            "seconds": self.seconds,
        }

    def _enter_phase(self) -> None:
        warming = self.run.iteration < self.warmup
        if self.run.adapting != warming:
            self.run.adapting = warming
        if not warming and not self.sampling:
            self.sampling = True
            self.accepted, self.failures = np.array(self.run.accepted), np.array(self.run.failures)

    def _advance(self, length: int) -> int:
        """Advance by about ``length`` iterations, record what is due; return their number."""
        run, thin = self.run, self.thin
        if not self.sampling:
            length = min(length, self.warmup - run.iteration)
            run.advance(length, 1, None, None)
            return length
        # a slice may be shorter than `thin`: then it ends between two records, or at the next
        due: int = thin - (run.iteration - self.warmup) % thin
        if length < due:
            run.advance(length, 1, None, None)
            return length
        count = 1
        if due == thin:
            count = min(length // thin, self._most, self.draws - self.recorder.done)
        shape = (run.chains, count, run.parameters)
        theta = self._theta[: count * run.chains * run.parameters].reshape(shape)
        log_likelihood = self._log_likelihood[: count * run.chains].reshape(shape[:2])
        run.advance(count * due, due, theta, log_likelihood)
        self.recorder.add(theta, log_likelihood)
        return count * due

    def _check_solves(self) -> None:
        run = self.run
        iterations = run.iteration - (self.warmup if self.sampling else 0)
        failed = np.asarray(run.failures) - self.failures
        if self.recorder.done == self.draws and iterations < HOPELESS:
            # too short for a verdict on the phase: judge the whole run
            iterations, failed = run.iteration, np.asarray(run.failures)
        elif iterations < HOPELESS:
            return
        if (failed >= iterations).any():
            chains = ", ".join(str(k) for k in np.flatnonzero(failed >= iterations))
            raise RuntimeError(
                f"every one of the {iterations} solves failed in chain(s) {chains}: "
                "the forward map gives no finite value where the chain proposes"
            )

    def _checkpoint(self) -> None:
        if self.disk is None or isinstance(self.recorder, DrawsRecorder):
            return
        own = {
            "accepted": self.accepted,
            "failures": self.failures,
            "sampling": np.array(self.sampling),
            "seconds": np.array(self.seconds),
        }
        sections = {"run": self.run.state(), "recorder": self.recorder.state(), "loop": own}
        self.disk.save(sections)

    def _bar(self, progress: bool) -> Any:
        scale = self.run.chains
        return tqdm(
            total=(self.warmup + self.draws * self.thin) * scale,
            initial=self.run.iteration * scale,
            disable=not progress,
            unit="it",
            unit_scale=True,
            mininterval=0.1 if sys.stderr.isatty() else 10.0,
        )

    def _show(self, bar: Any, iterations: int) -> None:
        since = self.run.iteration - (self.warmup if self.sampling else 0)
        rate = float(np.mean(np.asarray(self.run.accepted) - self.accepted)) / since
        bar.set_description_str("sampling" if self.sampling else "warmup", refresh=False)
        bar.set_postfix_str(f"acceptance {rate:.2f}", refresh=False)
        bar.update(iterations * self.run.chains)
