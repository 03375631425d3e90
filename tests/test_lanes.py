"""A chain's draws depend on the seed and its index alone, bit for bit.

Not on how many chains there are, on the threads, on a neighbour that fails, on how the run is cut
into pieces, nor on the processor's instruction set.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import m4dl
import numpy as np
import pytest
from catalogue import DELAYED, KERNELS, MODELS, PRIORS
from posteriors import posterior_of, posterior_over
from problems import Array, Bent
from rows import KernelRow, ModelRow, PriorRow

ARRAYS = ("theta", "log_likelihood", "acceptance", "step_size", "failures")


def sample(posterior: m4dl.Posterior, kernel: Any, chains: int, threads: int) -> m4dl.results.Draws:
    return m4dl.sample(
        posterior,
        kernel,
        draws=24,
        warmup=60,  # after 40 the step size of some chains is still so large that they stay
        chains=chains,
        seed=7,
        start="prior",
        threads=threads,
        progress=False,
    )


def check_chains(posterior: m4dl.Posterior, kernel: Any) -> None:
    """3, 8 and 11 chains (part of a block, a block, two blocks) on 1 and 2 threads."""
    few = sample(posterior, kernel, 3, 1)
    for chains in (8, 11):
        for threads in (1, 2):
            many = sample(posterior, kernel, chains, threads)
            for name in ARRAYS:
                np.testing.assert_array_equal(
                    getattr(many, name)[:3], getattr(few, name), err_msg=f"{name}, {chains} chains"
                )
    moved = few.theta[:, -1] != few.theta[:, 0]
    assert moved.any(axis=1).all()


@pytest.mark.parametrize("row", MODELS, ids=str)
def test_models(row: ModelRow) -> None:
    check_chains(posterior_of(row), m4dl.MALA(step_size=0.01))


@pytest.mark.parametrize("row", PRIORS, ids=str)
def test_priors(row: PriorRow) -> None:
    check_chains(posterior_over(row.build()), m4dl.MALA(step_size=0.01))


@pytest.mark.parametrize("row", [*KERNELS, *DELAYED], ids=str)
def test_kernels(row: KernelRow) -> None:
    posterior = posterior_of(MODELS[0])
    fixed = {"adapt": False} if row.across else {}  # adapts to its neighbours otherwise
    check_chains(posterior, row.kernel(posterior.white, **fixed))


@pytest.mark.parametrize("row", [row for row in KERNELS if row.across], ids=str)
def test_adaptation_across_chains_does_not_depend_on_threads(row: KernelRow) -> None:
    posterior = posterior_of(MODELS[0])
    one, two = (sample(posterior, row.kernel(posterior.white), 11, t) for t in (1, 2))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    # idle lanes take no part: eight chains are not nine
    eight, nine = (sample(posterior, row.kernel(posterior.white), n, 1) for n in (8, 9))
    assert eight.step_size[0] != nine.step_size[0]


@pytest.mark.parametrize("row", MODELS, ids=str)
def test_batches(row: ModelRow) -> None:
    """Rows of a batch are lanes too: each result is that of the row alone."""
    model = row.build()
    theta = row.thetas(model, 11)
    w = np.random.default_rng(1).standard_normal((11, model.outputs))
    for threads in (1, 2):
        y, pulled = model.forward(theta, threads), model.pull(theta, w, threads)
        for k in (0, 7, 10):
            np.testing.assert_array_equal(y[k], model(theta[k]))
            np.testing.assert_array_equal(pulled[k], model.pull(theta[k], w[k]))


def fragile() -> tuple[m4dl.Posterior, float]:
    """Darcy with f = theta: where cells turn negative the matrix is not positive definite.

    Also a place in white space from which many steps fail: all cells at 0.02.
    """
    mesh = m4dl.Grid((4, 4))
    model = m4dl.Darcy(mesh, [[0.3, 0.6], [0.7, 0.2]], 1.0, at="cells", link="identity")
    prior = m4dl.GaussianPrior(1.0, np.full(16, 0.25))
    posterior = m4dl.Posterior(model, prior, data=[0.04, 0.04], noise=m4dl.GaussianNoise(5.0))
    return posterior, -0.98 / 0.5


def fragile_python() -> tuple[m4dl.Posterior, float]:
    """A Python model that returns NaN in every other sliver of the region below -1."""
    bent = Bent()

    def forward(theta: Array) -> Array:
        first = theta[:, :1]
        return np.where((first < -1.0) & (np.cos(100.0 * first) > 0.0), np.nan, bent.forward(theta))

    model = m4dl.PythonModel(forward, bent.gradient, parameters=2, outputs=3, batched=True)
    prior = m4dl.GaussianPrior(2.0, np.ones(2))
    posterior = m4dl.Posterior(model, prior, data=np.ones(3), noise=m4dl.GaussianNoise(5.0))
    return posterior, -6.0


@pytest.mark.parametrize("build", [fragile, fragile_python])
@pytest.mark.parametrize("row", [*KERNELS, *DELAYED], ids=str)
def test_a_failing_chain_disturbs_no_other(row: KernelRow, build: Any) -> None:
    """Chain 2 starts where solves fail, or at the mean like its neighbours."""
    posterior, place = build()
    outputs = []
    for first in (place, 0.0):
        start = np.zeros((8, posterior.white))
        start[2] = first
        run = row.kernel(posterior.white).start(posterior.core, 8, 3, start, 1)
        outputs.append([*advance(run, 40), run.report()["accepted"], run.report()["failures"]])
    bad, good = outputs
    rest = np.arange(8) != 2
    for a, b in zip(bad, good, strict=True):
        np.testing.assert_array_equal(a[rest], b[rest])
    theta, log_likelihood, _, failures = bad
    assert failures[2] > 0
    # a failed step is not taken: the chain stayed where solves succeed
    assert np.isfinite(theta).all()
    # with a metric it is a difference of numbers of order 1
    exact = posterior.log_likelihood(theta)
    np.testing.assert_allclose(log_likelihood, exact, rtol=1e-10, atol=1e-13)


def advance(run: Any, iterations: int, thin: int = 1) -> tuple[Array, Array]:
    theta = np.empty((run.chains, iterations // thin, run.parameters))
    log_likelihood = np.empty(theta.shape[:2])
    run.advance(iterations, thin, theta, log_likelihood)
    return theta, log_likelihood


def start(row: KernelRow, seed: int = 5, threads: int = 1) -> Any:
    posterior = posterior_of(MODELS[0])
    xi0 = 0.1 * np.random.default_rng(seed).standard_normal((11, posterior.white))
    return row.kernel(posterior.white).start(posterior.core, 11, seed, xi0, threads)


@pytest.mark.parametrize("adapting", [True, False])
@pytest.mark.parametrize("row", [*KERNELS, *DELAYED], ids=str)
def test_pieces(row: KernelRow, adapting: bool) -> None:
    """advance(a) and advance(b) are advance(a + b); thinning keeps every second of the same."""
    whole, cut, thinned = start(row), start(row), start(row, threads=2)
    for run in (whole, cut, thinned):
        run.adapting = adapting
    theta, log_likelihood = advance(whole, 20)
    pieces = [advance(cut, n) for n in (1, 6, 13)]
    np.testing.assert_array_equal(np.concatenate([p[0] for p in pieces], axis=1), theta)
    np.testing.assert_array_equal(np.concatenate([p[1] for p in pieces], axis=1), log_likelihood)
    np.testing.assert_array_equal(advance(thinned, 20, 2)[0], theta[:, 1::2])
    for run in (cut, thinned):
        assert run.iteration == whole.iteration == 20
        for name in ("accepted", "failures", "step_size"):
            np.testing.assert_array_equal(run.report()[name], whole.report()[name])


@pytest.mark.parametrize("after", [9, 30])
@pytest.mark.parametrize("row", [*KERNELS, *DELAYED], ids=str)
def test_a_restored_run_goes_on(row: KernelRow, after: int) -> None:
    """From a state within warmup and from one after it; started elsewhere, on other threads."""

    def go_on(run: Any) -> list[Array]:
        out = []
        if run.iteration < 25:
            run.adapting = True
            out += advance(run, 25 - run.iteration)
        run.adapting = False
        out += advance(run, 55 - run.iteration)
        return [*out, run.report()["accepted"], run.report()["failures"], run.report()["step_size"]]

    first = start(row)
    first.adapting = True
    first.advance(min(after, 25))
    if after > 25:
        first.adapting = False
        first.advance(after - 25)
    state = first.state()
    second = start(row, threads=2)
    second.advance(3)
    second.restore(state)
    assert second.iteration == after
    assert second.adapting == first.adapting
    for a, b in zip(go_on(first), go_on(second), strict=True):
        np.testing.assert_array_equal(a, b)


SCRIPT = """
import hashlib, os, sys
import numpy as np
import m4dl

def digest(threads):
    mesh = m4dl.Grid((12, 12))
    x = np.random.default_rng(1).uniform(size=(20, 2))
    pairs = [
        (m4dl.Schrodinger(mesh, x), m4dl.MaternPrior(mesh, length=0.3)),
        (m4dl.Darcy(mesh, x, 5.0, blocks=(3, 4)), m4dl.GaussianPrior(np.zeros(12), 1.0)),
        # dense products large enough for Eigen to share out among threads, if it were allowed
        (m4dl.LinearModel(np.sin(np.arange(90_000.0)).reshape(300, 300)),
         m4dl.GaussianPrior(np.zeros(300), 0.1 * np.eye(300) + 0.01)),
    ]
    out = hashlib.sha256()
    for model, prior in pairs:
        y = model(prior.draw(1, 3)[0])
        post = m4dl.Posterior(model, prior, data=y, noise=m4dl.GaussianNoise(0.05))
        v = np.linalg.qr(np.random.default_rng(1).standard_normal((prior.white, 11)))[0]
        low = m4dl.kernels.LowRankMetric(np.zeros(prior.white), v, np.full(11, 0.5))
        kernels = [m4dl.MALA(step_size=0.02), m4dl.PCN(), m4dl.ULA(step_size=0.001),
                   m4dl.MALA(step_size=0.02, metric=low), m4dl.HMC(0.05, 0.2, metric=low)]
        for kernel in kernels:
            draws = m4dl.sample(post, kernel, draws=20, warmup=20, chains=11, seed=4,
                                start='prior', threads=threads, progress=False)
            out.update(draws.theta.tobytes() + draws.log_likelihood.tobytes())
    return out.hexdigest()
"""


def script(tail: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + tail],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_instruction_sets_agree() -> None:
    tail = "print(m4dl.build_info()['isa'], digest(2))"
    outputs = {}
    for isa in ("baseline", "avx2", "avx512"):
        name, value = script(tail, M4DL_ISA=isa).split()
        outputs[name] = value
    assert "baseline" in outputs  # narrower ones than the processor's can always be asked for
    assert len(set(outputs.values())) == 1, outputs


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_samples_on_one_thread() -> None:
    """OpenMP's pool does not survive a fork: a child that used it would hang until the alarm."""
    tail = """
import signal
before = digest(2)
read, write = os.pipe()
child = os.fork()
if child == 0:
    signal.alarm(20)
    os.write(write, f"{m4dl.build_info()['threads']} {digest(2)}".encode())
    os._exit(0)
os.close(write)
answer = os.fdopen(read).read()
assert os.waitpid(child, 0)[1] == 0, 'the child hung'
threads, after = answer.split()
print(threads, after == before == digest(2))
"""
    assert script(tail).split() == ["1", "True"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads through /proc")
def test_one_thread_means_one() -> None:
    """With threads=1 nothing starts a second one, dense linear algebra included."""
    tail = """
import threading
digest(1)
print(len(os.listdir('/proc/self/task')) - threading.active_count())  # less Python's own
"""
    blas = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # NumPy's pool
    assert script(tail, OMP_NUM_THREADS="2", **blas).strip() == "0"


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads through /proc")
def test_no_more_threads_than_blocks() -> None:
    """11 chains are two blocks: asking for thousands of threads starts one beside the caller's."""
    tail = """
import threading
digest(4000)
print(len(os.listdir('/proc/self/task')) - threading.active_count())
"""
    blas = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    assert script(tail, OMP_NUM_THREADS="2", **blas).strip() == "1"
