"""What do wider instructions buy? The MALA step at 64 x 64; the draws are the same bits.

The instruction set is chosen when a process first needs it, so each has a process of its own. As a
program, this file reads numbers of iterations and answers with the seconds they took.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import m4dl
import numpy as np
from harness import CHAINS, Clock, Contender, clocked, rates, times
from problems import SCHRODINGER

DRAWS = 30


class Worker:
    """A process that runs the chains with one instruction set."""

    def __init__(self, isa: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=os.environ | {"M4DL_ISA": isa},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.isa, self.digest = self._answer().split()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        assert answer, "the worker ended early; its error is above"
        return answer

    def advance(self, iterations: int) -> Clock:
        """Take so many iterations."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{iterations}\n")
        self._process.stdin.flush()
        cpu, wall = self._answer().split()
        return float(cpu), float(wall)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve() -> None:
    """Say the instruction set and the hash of some draws, then time what is asked for."""
    posterior = SCHRODINGER.posterior(SCHRODINGER.data(64))
    kernel = m4dl.MALA(SCHRODINGER.step_size, adapt=False)
    run = kernel.start(posterior.core, CHAINS, 1, np.zeros((CHAINS, posterior.white)), 1)
    theta = np.empty((CHAINS, DRAWS, posterior.parameters))
    log_likelihood = np.empty((CHAINS, DRAWS))
    run.advance(DRAWS, 1, theta, log_likelihood)
    digest = hashlib.sha256(theta.tobytes() + log_likelihood.tobytes()).hexdigest()
    print(m4dl.build_info()["isa"], digest, flush=True)
    advance = clocked(run.advance)
    for line in sys.stdin:
        print(*advance(int(line)), flush=True)


def test_isa_mala(race: Any, table: Any) -> None:
    with ExitStack() as stack:
        workers = [Worker(isa) for isa in ("baseline", "avx2", "avx512")]
        for worker in workers:
            stack.callback(worker.close)
        # A processor that lacks one falls back to the next, which is there already.
        distinct = {worker.isa: worker for worker in workers}
        contenders = [Contender(isa, worker.advance, CHAINS) for isa, worker in distinct.items()]
        race(*contenders)
    baseline = contenders[0]
    table(
        "Schroedinger, 64 x 64: MALA by instruction set",
        [
            {
                "M4DL_ISA": contender.name,
                **rates(contender),
                "baseline takes": times(baseline.over(contender)) + " times as long",
                "sha256 of the first draws": distinct[contender.name].digest[:12],
            }
            for contender in contenders
        ],
    )
    assert len({worker.digest for worker in workers}) == 1


if __name__ == "__main__":
    serve()
