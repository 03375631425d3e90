"""What is finished survives what comes after it, and bars that fail what they show."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import m4dl
import m4dl._base.progress
import numpy as np
import pytest


def posterior(forward: Callable[[Any], Any] | None = None) -> m4dl.Posterior:
    model: Any = m4dl.LinearModel(np.eye(3))
    if forward is not None:
        model = m4dl.PythonModel(forward, parameters=3, outputs=3, batched=True)
    return m4dl.Posterior(
        model,
        m4dl.GaussianPrior(np.zeros(3), 1.0),
        data=np.ones(3),
        noise=m4dl.GaussianNoise(1.0),
    )


def sample(of: m4dl.Posterior | None = None, **options: Any) -> Any:
    settings: dict[str, Any] = {"draws": 60, "warmup": 20, "chains": 2, "seed": 1}
    return m4dl.sample(
        of or posterior(),
        m4dl.PCN(0.3),
        **(settings | {"start": "mean", "progress": True} | options),
    )


def study(make: Callable[[int], m4dl.Posterior], sizes: Any, **options: Any) -> Any:
    return m4dl.studies.coverage(
        lambda truth, N, rng: make(N),
        truth=np.zeros(3),
        sizes=sizes,
        sets={"first": m4dl.credible.Interval(np.eye(3)[0])},
        kernel=m4dl.PCN(0.5),
        seed=1,
        replicates=2,
        draws=400,
        most_rhat=10.0,
        least_ess=1.0,
        **options,
    )


def failing(theta: Any) -> Any:
    """No finite value where theta_0 > 1/2."""
    return np.where(theta[:, :1] > 0.5, np.nan, theta)


class Broken(io.StringIO):
    """A terminal that closes after so many writes."""

    def __init__(self, writes: int, error: type[Exception] = BrokenPipeError) -> None:
        super().__init__()
        self.left, self.error = writes, error

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise self.error("closed")
        return len(text)

    def flush(self) -> None:
        if self.left < 0:
            raise self.error("closed")


@pytest.mark.parametrize("writes", [0, 1, 3])
@pytest.mark.parametrize("error", [BrokenPipeError, OSError, ValueError])
def test_a_terminal_that_closes(
    writes: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sample(progress=False)
    monkeypatch.setattr(m4dl.sampling._drive, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", Broken(writes, error))
    np.testing.assert_array_equal(sample().theta, whole.theta)
    assert study(lambda N: posterior(), 1).used(1)
    m4dl.studies.sbc(posterior(), m4dl.PCN(0.5), replicates=50, draws=1, warmup=5, seed=1)


def test_a_closed_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    assert sample().complete
    monkeypatch.setattr(sys, "stderr", None)
    assert sample().complete


def test_a_bar_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Failing:
        def __init__(self, **_: Any) -> None:
            pass

        def update(self, count: int) -> None:
            calls.append("update")
            raise ZeroDivisionError

        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    monkeypatch.setattr(m4dl._base.progress, "tqdm", Failing)
    monkeypatch.setattr(m4dl.sampling._drive, "SLICE_SECONDS", 0.0)
    assert sample().complete
    assert calls == ["update"]  # and never again


def test_warnings_that_are_errors_do_not_take_the_draws_along(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = posterior(failing)
    with pytest.warns(RuntimeWarning, match="some failed and were rejected"):
        told = sample(bad, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = sample(bad, progress=False)
        np.testing.assert_array_equal(kept.theta, told.theta)
        assert "RuntimeWarning: of 60 solves per chain" in capsys.readouterr().err
        hasty = m4dl.find_map(posterior(), max_iterations=1, tolerance=1e-15, starts=np.ones(3))
    assert hasty.iterations == 1


def test_a_study_is_not_lost_where_one_size_is_hopeless() -> None:
    with pytest.raises(RuntimeError, match="at N = 2 all 2 replicates raised") as caught:
        study(lambda N: posterior() if N == 1 else 1 / 0, [1, 2], progress=False)  # type: ignore[arg-type,return-value]
    found = caught.value.study  # type: ignore[attr-defined]
    assert len(found.used(1)) == 2
    assert not found.used(2)


def test_a_pipe_that_is_closed() -> None:
    """The process whose stderr nobody reads any longer finishes, and its draws are right."""
    code = (
        "import sys, m4dl, numpy as np; m4dl.sampling._drive.SLICE_SECONDS = 0.0;"
        "p = m4dl.Posterior(m4dl.LinearModel(np.eye(3)), m4dl.GaussianPrior(np.zeros(3), 1.0),"
        "data=np.ones(3), noise=m4dl.GaussianNoise(1.0));"
        "d = m4dl.sample(p, m4dl.PCN(0.3), draws=60, warmup=20, chains=2, seed=1, start='mean');"
        "print(d.theta.sum())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    process.stderr.close()
    assert process.stdout is not None
    with process.stdout as out:
        assert float(out.read()) == sample(progress=False).theta.sum()
    assert process.wait() == 0
