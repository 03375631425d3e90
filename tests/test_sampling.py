"""The loop of `sample`: what it promises whatever the kernel."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import m4dl
import m4dl._base.interrupt
import m4dl.sampling._drive
import numpy as np
import pytest

SIZE = 5


def posterior(model: Any = None) -> m4dl.Posterior:
    rng = np.random.default_rng(3)
    matrix = rng.standard_normal((3, SIZE))
    prior = m4dl.GaussianPrior(np.linspace(1.0, 2.0, SIZE), np.eye(SIZE))
    noise = m4dl.GaussianNoise(0.5)
    return m4dl.Posterior(model or m4dl.LinearModel(matrix), prior, data=np.ones(3), noise=noise)


def sample(model: Any = None, kernel: Any = None, **options: Any) -> Any:
    settings: dict[str, Any] = {"draws": 60, "warmup": 20, "chains": 3, "seed": 5, "start": "prior"}
    kernel = kernel or m4dl.PCN(beta=0.3)
    return m4dl.sample(posterior(model), kernel, **(settings | {"progress": False} | options))


def same(a: Any, b: Any) -> None:
    for name in ("theta", "log_likelihood", "acceptance", "step_size", "failures"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


class Bar:
    """Stands in for the progress bar; ``at[n]()`` is called at the n-th update."""

    at: dict[int, Callable[[], Any]]
    log: list[Any]

    def __init__(self, shown: bool, **options: Any) -> None:
        self.log.append(options)
        self.updates = 0

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def describe(self, phase: str, state: str) -> None:
        self.phase, self.postfix = phase, state

    def update(self, count: int) -> None:
        self.updates += 1
        self.log.append((self.phase, self.postfix, count))
        self.at.get(self.updates, lambda: None)()


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> type[Bar]:
    """A bar for slices of one iteration, so that its updates count iterations."""
    fresh = type("FreshBar", (Bar,), {"at": {}, "log": []})
    monkeypatch.setattr(m4dl.sampling._drive, "Bar", fresh)
    monkeypatch.setattr(m4dl.sampling._drive, "SLICE_SECONDS", 0.0)
    return fresh


def interrupt() -> Any:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"draws": 0}, ValueError, "draws must be at least 1, got 0"),
        ({"draws": 10.0}, TypeError, "draws must be an integer, got 10.0"),
        ({"warmup": -1}, ValueError, "warmup must be at least 0, got -1"),
        ({"chains": 0}, ValueError, "chains must be at least 1, got 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"seed": 2**64}, ValueError, r"seed must be below 2\*\*64, got 18446744073709551616"),
        ({"seed": None}, TypeError, "seed must be an integer, got None"),
        ({"thin": 0}, ValueError, "thin must be at least 1, got 0"),
        ({"threads": -2}, ValueError, "threads must be at least 0, got -2"),
        ({"keep": "all"}, ValueError, "keep must be one of 'draws', 'moments', got 'all'"),
        (
            {"start": "zero"},
            ValueError,
            "start must be one of 'laplace', 'learn', 'prior', 'mean', got 'zero'",
        ),
        (
            {"start": np.zeros(4)},
            ValueError,
            r"start must have shape \(5,\) or \(3, 5\), got \(4,\)",
        ),
        ({"start": np.full(5, np.nan)}, ValueError, "start must be finite, got nan"),
        ({"progress": "bar"}, TypeError, "progress must be True or False, got 'bar'"),
        ({"burnin": 10}, TypeError, "unexpected keyword argument 'burnin'"),
    ],
)
def test_arguments_are_checked(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sample(**options)


def test_the_seed_is_required() -> None:
    with pytest.raises(TypeError, match="seed"):
        m4dl.sample(posterior(), m4dl.PCN(), draws=10)  # type: ignore[call-overload]


def test_posterior_and_kernel_are_what_they_should_be() -> None:
    with pytest.raises(TypeError, match="posterior must be a m4dl Posterior, got NoneType"):
        m4dl.sample(None, m4dl.PCN(), draws=10, seed=1)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"kernel must be a kernel .* got 'pcn'"):
        sample(kernel="pcn")


def test_a_run_describes_itself() -> None:
    out = sample(thin=2)
    assert out.theta.shape == (3, 60, SIZE)
    assert out.log_likelihood.shape == (3, 60)
    assert (out.warmup, out.thin, out.seed, out.complete) == (20, 2, 5, True)
    assert out.kernel == repr(m4dl.PCN(beta=0.3))
    assert out.acceptance.shape == out.step_size.shape == out.failures.shape == (3,)
    assert out.seconds > 0
    about = out.provenance
    assert {"m4dl", "python", "numpy", "scipy", "platform", "build", "date"} < set(about)
    settings = {k: about[k] for k in ("seed", "draws", "warmup", "chains", "thin", "threads")}
    assert settings == {"seed": 5, "draws": 60, "warmup": 20, "chains": 3, "thin": 2, "threads": 0}


def test_log_likelihood_belongs_to_the_draw() -> None:
    out = sample()
    expected = posterior().log_likelihood(out.theta.reshape(-1, SIZE)).reshape(3, 60)
    # a constant of the noise may be in one and not in the other
    np.testing.assert_allclose(
        out.log_likelihood - out.log_likelihood[0, 0], expected - expected[0, 0], atol=1e-10
    )


@pytest.mark.parametrize("thin", [1, 3, 7])
def test_slices_do_not_change_the_numbers(thin: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = sample(thin=thin)
    # one iteration at a time; then a fixed 0.15 s whatever the clock says, one draw at a time
    monkeypatch.setattr(m4dl.sampling._drive, "SLICE_SECONDS", 0.0)
    same(sample(thin=thin), expected)
    monkeypatch.setattr(m4dl.sampling._drive, "SLICE_SECONDS", 1e9)
    monkeypatch.setattr(m4dl.sampling._drive, "SLICE_BYTES", 1)
    same(sample(thin=thin), expected)


def test_thinning_keeps_every_nth_draw() -> None:
    every = sample(draws=60)
    third = sample(draws=20, thin=3)
    np.testing.assert_array_equal(third.theta, every.theta[:, 2::3])
    np.testing.assert_array_equal(third.log_likelihood, every.log_likelihood[:, 2::3])
    np.testing.assert_array_equal(third.acceptance, every.acceptance)


def test_a_chain_depends_on_seed_and_index_alone() -> None:
    three, five = sample(chains=3, threads=1), sample(chains=5, threads=2)
    np.testing.assert_array_equal(five.theta[:3], three.theta)
    assert not np.array_equal(sample(seed=6).theta, three.theta)
    assert not np.array_equal(three.theta[0], three.theta[1])


def test_starts() -> None:
    same(sample(start="mean"), sample(start=np.zeros(SIZE)))
    same(sample(start=np.zeros(SIZE)), sample(start=np.zeros((3, SIZE))))
    # a step of 1e-9 stays where it starts
    still = {"kernel": m4dl.PCN(beta=1e-9, adapt=False), "draws": 1, "warmup": 0}
    white = np.random.default_rng(0).standard_normal((3, SIZE))
    theta = posterior().prior.push(white)
    np.testing.assert_allclose(sample(start=white, **still).theta[:, 0], theta, atol=1e-7)
    prior = sample(start="prior", **still).theta
    np.testing.assert_allclose(sample(start="prior", seed=5, **still).theta, prior, atol=0)
    assert np.abs(prior[0] - prior[1]).max() > 0.01
    mean = np.broadcast_to(np.linspace(1.0, 2.0, SIZE), (3, SIZE))
    np.testing.assert_allclose(sample(start="mean", **still).theta[:, 0], mean, atol=1e-7)


def test_acceptance_without_data_is_exactly_one() -> None:
    out = sample(m4dl.LinearModel(np.zeros((3, SIZE))), kernel=m4dl.PCN(beta=0.7, adapt=False))
    np.testing.assert_array_equal(out.acceptance, np.ones(3))


def test_warmup_adapts_and_sampling_does_not() -> None:
    fixed = sample(kernel=m4dl.PCN(beta=0.3, adapt=False))
    np.testing.assert_array_equal(fixed.step_size, np.full(3, 0.3))
    np.testing.assert_array_equal(sample(warmup=0).step_size, np.full(3, 0.3))
    short, long = sample(draws=10), sample(draws=60)
    assert (short.step_size != 0.3).all()
    np.testing.assert_array_equal(short.step_size, long.step_size)


def test_progress_counts_every_iteration_of_every_chain(bar: type[Bar]) -> None:
    out = sample(progress=True, thin=2)
    options, *updates = bar.log
    assert (options["total"], options["initial"]) == ((20 + 120) * 3, 0)
    assert sum(count for *_, count in updates) == options["total"]
    assert [phase for phase, *_ in updates] == ["warmup"] * 20 + ["sampling"] * 120
    assert updates[-1][1] == f"acceptance {out.acceptance.mean():.2f}"


def test_progress_goes_to_stderr_and_can_be_silent(capfd: pytest.CaptureFixture[str]) -> None:
    sample()
    assert capfd.readouterr() == ("", "")
    sample(progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "sampling" in err
    assert "acceptance" in err


@pytest.mark.parametrize("thin", [1, 4])
def test_ctrl_c_returns_what_is_finished(ctrl_c: None, bar: type[Bar], thin: int) -> None:
    before = signal.getsignal(signal.SIGINT)
    whole = sample(thin=thin)
    bar.at[20 + 33] = interrupt
    out = sample(thin=thin)
    assert not out.complete
    assert out.theta.shape == (3, 33 // thin, SIZE)
    np.testing.assert_array_equal(out.theta, whole.theta[:, : 33 // thin])
    np.testing.assert_array_equal(out.log_likelihood, whole.log_likelihood[:, : 33 // thin])
    assert ((out.acceptance > 0) & (out.acceptance < 1)).all()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_with_moments(ctrl_c: None, bar: type[Bar]) -> None:
    whole = sample()
    bar.at[20 + 33] = interrupt
    out = sample(keep="moments")
    assert (out.complete, out.draws) == (False, 33)
    np.testing.assert_allclose(out.chain_mean, whole.theta[:, :33].mean(axis=1), rtol=1e-12)


def test_ctrl_c_before_the_first_draw_is_raised(ctrl_c: None, bar: type[Bar]) -> None:
    bar.at[7] = interrupt
    with pytest.raises(
        KeyboardInterrupt, match="after 7 iterations, before the first draw: there is"
    ):
        sample()


def test_a_second_ctrl_c_stops_at_once(ctrl_c: None, bar: type[Bar]) -> None:
    before = signal.getsignal(signal.SIGINT)
    bar.at[30] = lambda: [interrupt() for _ in range(2)]
    with pytest.raises(KeyboardInterrupt):
        sample()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_first_ctrl_c_is_answered_once(
    ctrl_c: None, bar: type[Bar], capfd: pytest.CaptureFixture[str]
) -> None:
    bar.at[40] = interrupt
    assert not sample().complete
    assert capfd.readouterr().err.count("Ctrl-C again stops at once") == 1
    bar.at.clear()
    sample()
    assert capfd.readouterr().err == ""


def test_ctrl_c_is_answered_while_compiled_code_runs(
    ctrl_c: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """No handler of Python's runs before it comes back, here after some 3e9 multiplications."""
    model = m4dl.LinearModel(np.ones((1500, 1500)))
    told: list[float] = []
    returned = np.inf

    def send() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        while not told and np.isinf(returned):
            time.sleep(0.001)
            if interrupt_._told:
                told.append(time.monotonic())

    thread = threading.Timer(0.02, send)
    with m4dl._base.interrupt.Interrupt() as interrupt_:
        thread.start()
        model.forward(np.zeros((1400, 1500)), threads=1)
        returned = time.monotonic()
    thread.join()
    assert interrupt_.requested
    assert told[0] < returned
    assert "stopping after this iteration" in capfd.readouterr().err


def test_an_ignored_ctrl_c_stays_ignored(bar: type[Bar]) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        bar.at[40] = interrupt
        assert sample().complete
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_event_loop_keeps_its_wakeup(ctrl_c: None, bar: type[Bar]) -> None:
    """Ours is told by the handler then."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    assert signal.set_wakeup_fd(write) == -1
    try:
        bar.at[40] = interrupt
        assert not sample().complete
    finally:
        assert signal.set_wakeup_fd(-1) == write
        os.close(write)
        assert os.read(read, 8) == bytes([signal.SIGINT])
        os.close(read)


def test_sampling_outside_the_main_thread() -> None:
    out: list[Any] = []
    thread = threading.Thread(target=lambda: out.append(sample()))
    thread.start()
    thread.join()
    same(out[0], sample())


def failing(where: Callable[[np.ndarray], np.ndarray]) -> m4dl.PythonModel:
    """A model whose solves fail (give NaN) where told."""
    matrix = np.random.default_rng(3).standard_normal((3, SIZE))

    def forward(theta: np.ndarray) -> np.ndarray:
        return np.where(where(theta), np.nan, matrix @ theta)

    return m4dl.PythonModel(forward, parameters=SIZE, outputs=3)


def test_failed_solves_are_rejected_counted_and_told() -> None:
    # half of the prior draws of theta_0 lie above its mean 1; chains start below and never cross
    model = failing(lambda theta: theta[0] > 1.0)
    start = np.array([-1.0, 0.0, 0.0, 0.0, 0.0])
    with pytest.warns(RuntimeWarning, match=r"of 60 solves per chain, some failed .* in chain 0, "):
        out = sample(model, start=start, kernel=m4dl.PCN(beta=0.5, adapt=False))
    assert (out.failures > 0).all()
    assert (out.failures < 60).all()
    assert (out.theta[..., 0] <= 1.0).all()
    assert np.isfinite(out.log_likelihood).all()


@pytest.mark.parametrize(
    ("draws", "warmup", "solves"), [(500, 0, "100"), (5, 300, "100"), (5, 7, "12")]
)
def test_every_solve_failing_is_an_error(
    bar: type[Bar], draws: int, warmup: int, solves: str
) -> None:
    broken = []

    class BreaksTheModel:
        """Starts well; then every solve fails, however small adaptation makes the steps."""

        def start(self, *arguments: Any) -> Any:
            run = m4dl.PCN(beta=0.3).start(*arguments)
            broken.append(True)
            return run

    model = failing(lambda theta: np.array(bool(broken)))
    message = rf"every one of the {solves} solves failed in chain\(s\) 0, 1, 2"
    with pytest.raises(RuntimeError, match=message):
        sample(model, BreaksTheModel(), draws=draws, warmup=warmup)


def test_a_start_without_finite_potential_names_the_chain() -> None:
    model = failing(lambda theta: theta[0] > 1.0)
    start = np.zeros((3, SIZE))
    start[:, 0] = [-1.0, 1.0, -1.0]
    with pytest.raises(ValueError, match=r"not finite at the start of chain\(s\) 1"):
        sample(model, start=start)


class Sink:
    """A stream that can be written to, and no more."""

    def write(self, text: str) -> None: ...

    def flush(self) -> None: ...


@pytest.mark.parametrize("stream", [None, Sink()])
def test_without_a_terminal(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Services have no stderr at all, log redirectors none with isatty: no reason to stop."""
    posterior = m4dl.Posterior(
        m4dl.LinearModel(np.eye(2)),
        m4dl.GaussianPrior(np.zeros(2), 1.0),
        data=np.zeros(2),
        noise=m4dl.GaussianNoise(1.0),
    )
    monkeypatch.setattr("sys.stderr", stream)
    draws = m4dl.sample(posterior, m4dl.PCN(), draws=5, seed=1)
    assert draws.theta.shape == (4, 5, 2)
