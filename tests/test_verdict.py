"""What speaks against a run beside R-hat and effective sizes, and where it is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl.results import _tails, diagnostics

Array = np.ndarray


def of(forward: Any, pull: Any, mean: Any, data: Any, noise: float) -> m4dl.Posterior:
    model = m4dl.PythonModel(forward, pull, parameters=2, outputs=len(data), batched=True)
    prior = m4dl.GaussianPrior(np.array(mean), 1.0)
    return m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(noise))


def cubic() -> m4dl.Posterior:
    """WangCubic: walls that are stiff far out."""
    return of(
        lambda x: (10 * x[:, 1] - 10 * x[:, 0] ** 3 + 5 * x[:, 0] ** 2 + 6 * x[:, 0])[:, None],
        lambda x, w: w * np.stack([-30 * x[:, 0] ** 2 + 10 * x[:, 0] + 6, 10 + 0 * x[:, 0]], 1),
        [1.0, 0.0],
        [1.0],
        1.0,
    )


def two_modes() -> m4dl.Posterior:
    """x1 near 2 or -2, 3 to 1."""
    return of(
        lambda x: np.stack([x[:, 0] ** 2, x[:, 1] - 0.5 * x[:, 0]], 1),
        None,
        [0.3, 0.0],
        [4.0, 0.0],
        0.8,
    )


def line() -> m4dl.Posterior:
    return m4dl.Posterior(
        m4dl.LinearModel(np.eye(3)[:2]),
        m4dl.GaussianPrior(np.zeros(3), 1.0),
        data=np.ones(2),
        noise=m4dl.GaussianNoise(0.5),
    )


def sample(posterior: m4dl.Posterior, kernel: Any, **options: Any) -> Any:
    settings: dict[str, Any] = {"draws": 400, "warmup": 200, "chains": 4, "seed": 1}
    return m4dl.sample(posterior, kernel, **(settings | {"progress": False} | options))


@pytest.mark.filterwarnings("ignore:of .* steps per chain, some diverged")
def test_divergences_are_no_failed_solves() -> None:
    """They are kept with the draw, and one of them is enough for the verdict."""
    draws = sample(cubic(), m4dl.HMC(), chains=8)
    assert draws.divergences.sum() > 0
    assert draws.failures.sum() == 0
    np.testing.assert_array_equal(draws.diverging.sum(axis=1), draws.divergences)
    # a step that diverged was rejected
    chain, draw = np.nonzero(draws.diverging[:, 1:])
    np.testing.assert_array_equal(draws.theta[chain, draw + 1], draws.theta[chain, draw])
    summary = draws.summary()
    assert not summary.converged
    told = [a for a in summary.advice if "diverged (draws.diverging says where)" in a]
    assert told[0].startswith(f"Not converged: {draws.divergences.sum():,} steps in ")
    assert "target=0.95" in told[0]
    assert "divergences    " in str(summary)
    # thinned, a draw tells of all steps since the one before
    thin = sample(cubic(), m4dl.HMC(), chains=8, draws=80, thin=5)
    np.testing.assert_array_equal(thin.divergences, draws.divergences)
    np.testing.assert_array_equal(thin.diverging, draws.diverging.reshape(8, 80, 5).any(axis=2))
    kept = sample(cubic(), m4dl.HMC(), chains=8, keep="moments")
    np.testing.assert_array_equal(kept.divergences, draws.divergences)
    assert any("diverged" in a for a in kept.summary().advice)


def test_divergences_are_warned_of() -> None:
    with pytest.warns(RuntimeWarning, match="of 400 steps per chain, some diverged"):
        sample(cubic(), m4dl.HMC(), chains=8)


def test_a_model_that_fails_does_not_diverge() -> None:
    """NaN far out, at a step that keeps the energy."""
    matrix = np.eye(2)

    def forward(x: Array) -> Array:
        return np.where(x[:, :1] > 1.0, np.nan, x)

    posterior = of(forward, lambda x, w: w @ matrix, [0.0, 0.0], [0.5, 0.5], 1.0)
    with pytest.warns(RuntimeWarning, match="some failed and were rejected"):
        draws = sample(posterior, m4dl.HMC(), start="mean")
    assert draws.failures.sum() > 0.01 * 4 * 400
    assert draws.divergences.sum() == 0
    summary = draws.summary()
    assert not summary.converged
    assert any("of the solves failed, more than 1%" in a for a in summary.advice)


def test_energies_are_those_of_the_states() -> None:
    """Phi + |xi|^2/2 in white space, and with momenta |v|^2/2: W/2 on average."""
    posterior = line()
    for kernel in (m4dl.PCN(), m4dl.MALA(), m4dl.HMC()):
        draws = sample(posterior, kernel, draws=2000)
        potential = -draws.log_likelihood + 0.5 * (draws.theta**2).sum(axis=2)
        kinetic = draws.energy - potential
        if isinstance(kernel, m4dl.HMC):
            assert (kinetic >= -1e-12).all()
            # chi-square of 3: mean 3/2, deviation sqrt(3/2); 8,000 draws, five standard errors
            assert abs(kinetic.mean() - 1.5) < 5 * np.sqrt(1.5 / 8000)
            assert "ebfmi" in draws.summary().run
        else:
            np.testing.assert_allclose(kinetic, 0.0, atol=1e-12)
        assert draws.diverging.sum() == 0
        assert draws.summary().converged


def test_a_store_keeps_them(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    for kernel in (m4dl.HMC(), m4dl.PCN()):
        memory = sample(line(), kernel)
        store = sample(line(), kernel, store=tmp_path / type(kernel).__name__)
        for name in ("energy", "diverging", "log_likelihood"):
            np.testing.assert_array_equal(getattr(store, name), getattr(memory, name))
        np.testing.assert_array_equal(store.divergences, memory.divergences)


def test_pcn_with_a_learned_metric_goes_to_the_other_mode() -> None:
    """All chains may learn the metric of one mode; steps in the prior's noise lead to the other.

    Its share is known by quadrature, 0.20.
    """
    x = np.linspace(-5, 5, 501)
    grid = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    white = grid - two_modes().prior.push(np.zeros(2))
    density = np.exp(two_modes().log_likelihood(grid) - 0.5 * (white**2).sum(axis=1))
    exact = density[grid[:, 0] < 0].sum() / density.sum()
    draws = sample(two_modes(), m4dl.PCN(), draws=4000, warmup=1500, chains=8)
    negative = (draws.theta[:, :, 0] < 0).astype(float)
    assert diagnostics.ess(negative, "mean") > 100
    assert abs(negative.mean() - exact) < 5 * diagnostics.mcse_mean(negative)
    assert (negative.mean(axis=1) > 0).all()


def test_events_that_came_about_too_seldom() -> None:
    """Of independent draws n p are effective, or n (1 - p)."""
    draws = made()
    x = draws.theta[:, :, 0]
    for share in (0.001, 0.999, 0.5):
        level = np.quantile(x, share)
        summary = draws.summary(functionals={"low": lambda t, c=level: t[:, 0] < c})
        visits = summary.run["events"]["low"]
        assert visits == pytest.approx(min(share, 1 - share) * x.size, rel=0.3)
        said = any("the event low came about in" in a for a in summary.advice)
        assert said == (visits < 20)
        assert summary.converged == (not said)
    never = draws.summary(functionals={"far": lambda t: (t[:, 0] > 1e9).astype(float)})
    assert never.run["events"] == {"far": 0.0}
    assert not never.converged
    # weights are no event, and neither are numbers other than 0 and 1
    other = draws.summary(functionals={"none": np.zeros(2)})
    assert other.run["events"] == {}


def test_a_chain_of_hmc_that_sets_out_where_it_is_stiff_gets_away() -> None:
    """All share a step size, which one chain that is always rejected does not make smaller."""
    posterior = of(
        lambda x: 10 * x**3, lambda x, w: 30 * x**2 * w, mean=[0.0] * 2, data=[0.0] * 2, noise=1.0
    )
    start = np.zeros((8, 2))
    start[3, 0] = 3.0  # the gradient is 72,900
    draws = sample(posterior, m4dl.HMC(), chains=8, start=start)
    assert (draws.acceptance > 0.5).all()
    assert np.abs(draws.theta).max() < 1.5


def test_pareto_tails() -> None:
    """A generalised Pareto law of index k, by its quantiles; 5 (1 + k)/sqrt(600) is 0.4."""
    rng = np.random.default_rng(1)
    for k in (0.2, 0.9):
        draws = (rng.uniform(size=(4, 10_000)) ** -k - 1) / k
        assert _tails.pareto_k(draws) == pytest.approx(k, abs=0.2 * (1 + k))
    assert _tails.pareto_k(rng.standard_normal((4, 10_000))) < 0.2
    assert _tails.pareto_k(rng.uniform(size=(4, 10_000))) < 0.0
    assert np.isnan(_tails.pareto_k(np.full((4, 100), np.nan)))
    assert np.isnan(_tails.pareto_k(rng.standard_normal((4, 10))))


def test_ebfmi() -> None:
    """Of an autoregression it is 2 (1 - phi), of independent energies 2."""
    rng = np.random.default_rng(1)
    energy = np.zeros((2, 50_000))
    noise = rng.standard_normal(energy.shape)
    for t in range(1, energy.shape[1]):
        energy[:, t] = 0.9 * energy[:, t - 1] + noise[:, t]
    np.testing.assert_allclose(_tails.ebfmi(energy), 0.2, rtol=0.1)
    np.testing.assert_allclose(_tails.ebfmi(noise), 2.0, rtol=0.03)


def made(**changes: Any) -> m4dl.results.Draws:
    """A run of independent draws, and what is said of it."""
    rng = np.random.default_rng(1)
    theta = rng.standard_normal((4, 2000, 2))
    about: dict[str, Any] = {
        "acceptance": np.full(4, 0.8),
        "step_size": np.ones(4),
        "failures": np.zeros(4, dtype=int),
        "divergences": np.zeros(4, dtype=int),
        "target": 0.8,
        "largest_step": 2.0,
        "warmup": 100,
        "thin": 1,
        "seed": 1,
        "kernel": "HMC()",
        "complete": True,
        "provenance": {},
        "seconds": 1.0,
        "energy": rng.standard_normal((4, 2000)),
    }
    return m4dl.results.Draws(theta, theta[:, :, 0] ** 2, **(about | changes))


SLOW = np.cumsum(np.random.default_rng(1).standard_normal((4, 2000)), axis=1)


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        (
            {"acceptance": np.full(4, 0.94), "target": 0.65},
            "aimed at an acceptance of 0.65 and 0.94",
        ),
        ({"acceptance": np.full(4, 0.5)}, "aimed at an acceptance of 0.8 and 0.50 came out"),
        ({"divergences": [0, 1, 0, 0]}, "1 steps in 1 chains diverged"),
        ({"failures": [0, 0, 0, 100]}, "1.2% of the solves failed"),
        ({"energy": SLOW}, "E-BFMI is 0.00 in chain"),
        (
            {
                "coarse_solves": 2000,
                "coarse_acceptance": np.full(4, 0.8),
                "coarse_failures": np.full(4, 50.0),
            },
            "2.5% of the coarse solves failed",
        ),
    ],
)
def test_what_speaks_against_a_run(changes: dict[str, Any], advice: str) -> None:
    assert made().summary().converged
    summary = made(**changes).summary()
    assert not summary.converged
    assert any(a.startswith("Not converged: ") and advice in a for a in summary.advice)


def test_a_step_at_its_largest_is_a_remark() -> None:
    summary = made(acceptance=np.full(4, 0.99), step_size=np.full(4, 2.0)).summary()
    assert summary.converged
    assert any(
        a.startswith("The step size is at its largest, 2, in 4 of 4") for a in summary.advice
    )


def test_functionals_have_tails_and_may_be_missing() -> None:
    draws = made()
    summary = draws.summary(functionals={"heavy": lambda x: np.exp(1.5 * x[:, 0] ** 2)})
    assert not summary.converged  # no mean: E exp(1.5 x^2) is infinite
    assert any("the tail of heavy has the Pareto index" in a for a in summary.advice)
    with np.errstate(invalid="ignore"):
        summary = draws.summary(functionals={"log": lambda x: np.log(x[:, 0])})
    assert not summary.converged
    share = (draws.theta[:, :, 0] < 0).mean()
    assert summary.run["missing"] == {"log": pytest.approx(share)}
    assert any(f"log is not a finite number in {share:.3%}" in a for a in summary.advice)
