"""The one loop around the compiled chains: progress, Ctrl-C, recording, checkpoints."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .._base.interrupt import Interrupt
from .._base.progress import Bar
from .._base.tell import tell
from .._base.validate import Array
from ..kernels import Lessons
from ..results import Draws, PerDraw, per_draw, solver_advice
from ._recorders import MomentsRecorder
from ._store import Store
from ._store_recorder import StoreRecorder

SLICE_SECONDS = 0.15
"""Wall time between two looks at Ctrl-C and the progress bar; the numbers do not depend on it."""
SLICE_BYTES = 8 * 2**20
CHECKPOINT_SECONDS = 10.0
HOPELESS = 100
"""So many iterations from the start of a phase without one solve that succeeds are an error."""


class DrawsRecorder:
    """Keep every draw in memory."""

    def __init__(self, chains: int, draws: int, size: int) -> None:
        try:
            self._theta = np.empty((chains, draws, size))
        except MemoryError as error:
            raise MemoryError(f'{error}; use keep="moments", store= or a larger thin=') from error
        self._of_draws = per_draw((chains, draws))
        self.done = 0

    def add(self, theta: Array, of_draws: PerDraw) -> None:
        """Record draws of shape (chains, n, D) and what is kept of each, (chains, n)."""
        stop = self.done + theta.shape[1]
        self._theta[:, self.done : stop] = theta
        for name, values in self._of_draws.items():
            values[:, self.done : stop] = of_draws[name]
        self.done = stop

    def close(self) -> None:
        """Nothing is left to bring to its place."""

    def result(self, **metadata: Any) -> Draws:
        """Return the draws, trimmed to what is finished; they are the result's from now on."""
        for values in (self._theta, *self._of_draws.values()):
            values.flags.writeable = False
        of_draws: dict[str, Any] = {k: v[:, : self.done] for k, v in self._of_draws.items()}
        return Draws(self._theta[:, : self.done], **of_draws, **metadata)


Recorder = DrawsRecorder | StoreRecorder | MomentsRecorder


class Loop:
    """Take a run through warmup and sampling.

    Where it stands is the state of the run, that of the recorder, what warmup has learned, and
    three things of its own: the run's report at the end of warmup, whether that is over, and the
    seconds of sampling.
    """

    def __init__(
        self,
        run: Any,
        recorder: Recorder,
        disk: Store | None,
        draws: int,
        warmup: int,
        thin: int,
        lessons: Lessons,
        target: float | None,
    ) -> None:
        self.run, self.recorder, self.disk = run, recorder, disk
        self.draws, self.warmup, self.thin, self.lessons = draws, warmup, thin, lessons
        self.target = target
        self.before = {name: np.zeros_like(values) for name, values in run.report().items()}
        self.sampling, self.seconds = False, 0.0
        width = run.chains * run.parameters
        self._most = max(1, SLICE_BYTES // (8 * width))
        self._theta = np.empty(self._most * width)
        self._of_draws = per_draw((self._most * run.chains,))

    def resume(self, disk: Store, about: dict[str, Any]) -> None:
        """Go to where the store's last checkpoint stands, if it has one."""
        assert not isinstance(self.recorder, DrawsRecorder)
        if saved := disk.load():
            self.lessons.restore(self.run, saved.get("lessons", {}))
            self.run.restore(saved["run"])
            self.recorder.restore(saved["recorder"])
            own = saved["loop"]
            self.before = {name: own.get(name, zero) for name, zero in self.before.items()}
            self.sampling, self.seconds = bool(own["sampling"]), float(own["seconds"])
        if self.recorder.done > self.draws:
            raise ValueError(
                f"the store {disk.path} holds {self.recorder.done} draws per chain, "
                f"more than draws={self.draws}"
            )
        # also when all is done: an extension that died may have left the arrays longer
        mended = isinstance(self.recorder, StoreRecorder) and self.recorder.open(self.draws)
        going_on = self.recorder.done < self.draws
        if going_on and saved:
            disk.resumed.append(about)
        if going_on or mended:
            self._checkpoint()  # a store that cannot be written says so before hours of sampling

    def advance_all(self, progress: bool) -> None:
        """Run to the end, or to Ctrl-C."""
        run, length, saved = self.run, 1, time.monotonic()
        with Interrupt() as interrupt, self._bar(progress) as bar:
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
        """Return the counters of the sampling phase, and warn of failed solves and divergences."""
        iterations, run, since = self.run.iteration - self.warmup, self.run, self._since()
        failures, divergences = (since[k].astype(np.int64) for k in ("failures", "divergences"))
        if failures.any():
            tell(
                f"of {iterations} solves per chain, some failed and were rejected: "
                f"{_per_chain(failures)}" + solver_advice(run.solver),
                stacklevel=3,
            )
        if divergences.any():
            tell(
                f"of {iterations} steps per chain, some diverged and were rejected: "
                f"{_per_chain(divergences)}; "
                "their energy was wrong by more than 1,000, for the step is too long there",
                stacklevel=3,
            )
        coarse = {}
        if "coarse_solves" in since:
            if (lost := since["coarse_failures"]).any():
                tell(
                    f"some solves of the coarse model failed and were rejected: {_per_chain(lost)}",
                    stacklevel=3,
                )
            coarse = {
                "coarse_solves": int(since["coarse_solves"][0]),
                "coarse_acceptance": since["coarse_accepted"] / iterations,
                "coarse_failures": lost,
            }
        now = run.report()
        return {
            "acceptance": self._acceptance(),
            "step_size": now["step_size"],
            "failures": failures,
            "divergences": divergences,
            "target": self.target,
            "largest_step": largest if np.isfinite(largest := run.largest_step_size) else None,
            "seconds": self.seconds,
            "solves": int(since["solves"][0]),
            "trajectory": float(now["trajectory"][0]) if "trajectory" in now else 0.0,
            "metric": self.lessons.metric,
            **coarse,
        }

    def _since(self) -> dict[str, Array]:
        """Return what was counted in the present phase."""
        return {name: now - self.before[name] for name, now in self.run.report().items()}

    def _acceptance(self) -> Array:
        """Mean acceptance in the present phase of the steps that tell of the step size."""
        since = self._since()
        return np.asarray(since["accepted"] / np.maximum(since["proposals"], 1.0))

    def _enter_phase(self) -> None:
        warming = self.run.iteration < self.warmup
        if self.run.adapting != warming:
            self.run.adapting = warming
        if not warming and not self.sampling:
            self.sampling = True
            self.run.adapting = False  # also to forget the divergences of warmup
            self.before = self.run.report()

    def _advance(self, length: int) -> int:
        """Advance by about ``length`` iterations, record what is due; return their number."""
        run, thin = self.run, self.thin
        if not self.sampling:
            length = min(length, self.warmup - run.iteration)
            if (lesson := self.lessons.until(run.iteration)) is not None:
                length = min(length, lesson)
            run.advance(length)
            self.lessons.attend(run)
            return length
        # a slice may be shorter than `thin`: then it ends between two records, or at the next
        due: int = thin - (run.iteration - self.warmup) % thin
        if length < due:
            run.advance(length)
            return length
        count = 1
        if due == thin:
            count = min(length // thin, self._most, self.draws - self.recorder.done)
        shape = (run.chains, count, run.parameters)
        theta = self._theta[: count * run.chains * run.parameters].reshape(shape)
        of_draws = {
            name: values[: count * run.chains].reshape(shape[:2])
            for name, values in self._of_draws.items()
        }
        run.advance(count * due, due, theta, **of_draws)
        self.recorder.add(theta, of_draws)
        return count * due

    def _check_solves(self) -> None:
        run = self.run
        iterations = run.iteration - (self.warmup if self.sampling else 0)
        failed = self._since()["failures"]
        if self.recorder.done == self.draws and iterations < HOPELESS:
            # too short for a verdict on the phase: judge the whole run
            iterations, failed = run.iteration, run.report()["failures"]
        elif iterations < HOPELESS:
            return
        if (failed >= iterations).any():
            chains = ", ".join(str(k) for k in np.flatnonzero(failed >= iterations))
            raise RuntimeError(
                f"every one of the {iterations} solves failed in chain(s) {chains}: "
                "the forward map gives no finite value where the chain proposes"
                + solver_advice(run.solver)
            )

    def _checkpoint(self) -> None:
        if self.disk is None or isinstance(self.recorder, DrawsRecorder):
            return
        own = {
            **self.before,
            "sampling": np.array(self.sampling),
            "seconds": np.array(self.seconds),
        }
        sections = {
            "run": self.run.state(),
            "recorder": self.recorder.state(),
            "loop": own,
            "lessons": self.lessons.state(),
        }
        self.disk.save(sections)

    def _bar(self, progress: bool) -> Bar:
        scale = self.run.chains
        return Bar(
            progress,
            total=(self.warmup + self.draws * self.thin) * scale,
            initial=self.run.iteration * scale,
            unit="it",
            unit_scale=True,
        )

    def _show(self, bar: Bar, iterations: int) -> None:
        rate = float(self._acceptance().mean())
        bar.describe("sampling" if self.sampling else "warmup", f"acceptance {rate:.2f}")
        bar.update(iterations * self.run.chains)


def _per_chain(counts: Any) -> str:
    return ", ".join(f"{n:.0f} in chain {k}" for k, n in enumerate(counts) if n)
