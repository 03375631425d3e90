"""One purpose, one stream: a seed that is used everywhere gives no random number twice."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
import pytest
from gallery import draws, make_data, posterior
from m4dl import _core, credible, testing
from m4dl._base.streams import Purpose, generator, spelled
from m4dl.modes._map import _starts
from public import public

SEED = 5
PACKAGE = str(Path(m4dl.__file__).parent)


def frames() -> list[str]:
    """Functions of the package that are at work, the innermost first."""
    found = [f for f in inspect.stack() if f.filename.startswith(PACKAGE)]
    hidden = ("<", "generator", "_sequence", "fixing", "_work", "work")
    return [f.function for f in found if not f.function.startswith(hidden)]


@pytest.fixture
def uses(monkeypatch: pytest.MonkeyPatch) -> dict[Any, set[str]]:
    """For each stream the purposes that it serves, by the functions that ask for it."""
    seen: dict[Any, set[str]] = defaultdict(set)

    def watch(where: Any, name: str, key: Callable[..., Any], outermost: bool) -> None:
        function = getattr(where, name)

        def watched(*args: Any, **options: Any) -> Any:
            if asking := frames():
                seen[key(*args, **options)].add(asking[-1 if outermost else 0])
            return function(*args, **options)

        monkeypatch.setattr(where, name, watched)

    watch(_core, "prior_white_noise", lambda seed, *_: ("prior", seed), False)
    watch(_core, "initial_white_noise", lambda seed, *_: ("start", seed), False)
    watch(_core, "run", lambda *_, seed, **__: ("proposal", seed), True)
    first = np.random.SeedSequence.generate_state

    def state(of: Any) -> Any:
        sequence = of if isinstance(of, np.random.SeedSequence) else np.random.SeedSequence(of)
        return "numpy", *first(sequence, 4, np.uint64).tolist()

    watch(np.random, "default_rng", state, False)
    return seen


def everything() -> Iterator[tuple[str, Any]]:
    """All functions of the package that take a seed, with the same one."""
    of, quiet = posterior(), {"seed": SEED, "progress": False}
    yield "prior", of.prior.draw(3, SEED)
    yield "prior, other stream", of.prior.draw(3, SEED, stream=1)
    yield "map", m4dl.find_map(of, seed=SEED)
    fit = m4dl.laplace(of, seed=SEED)
    yield "laplace", (fit.draw(3, SEED), fit.draw_white(3, SEED))
    yield "refined", m4dl.modes.refined_metric(fit, seed=SEED, draws=20)
    yield "sample", m4dl.sample(of, m4dl.HMC(), draws=20, **quiet)
    yield "pcn", m4dl.sample(of, m4dl.PCN(), draws=20, start="prior", **quiet)
    yield "predictive", draws().predictive(of, seed=SEED)
    yield "ula bias", m4dl.langevin.ula_bias(of, m4dl.ULA(0.1), draws=20, **quiet)
    yield "langevin", m4dl.langevin.guarantee(of, seed=SEED)
    yield "sbc", m4dl.studies.sbc(of, m4dl.PCN(), replicates=50, draws=9, **quiet)
    yield "ranks", m4dl.studies.rank_test(of, m4dl.PCN(0.5), replicates=50, **quiet)
    yield (
        "coverage",
        m4dl.studies.coverage(
            make_data,
            of.prior,
            1,
            {"ball": credible.Ball()},
            m4dl.PCN(0.6),
            replicates=3,
            draws=200,
            most_rhat=9.0,
            least_ess=1,
            **quiet,
        ),
    )
    disk = m4dl.domains.Disk()
    yield "rays", m4dl.rays.Rays.random(disk, 3, SEED)
    yield "geodesics", m4dl.rays.Geodesics.random(disk, 3, SEED, sound_speed=np.ones_like)
    yield "derivatives", testing.check_derivatives(of.model, np.zeros(4), seed=SEED)


def test_no_stream_serves_two_purposes(uses: dict[Any, set[str]]) -> None:
    for _ in everything():
        pass
    assert len(uses) > 60  # replicates have streams of their own
    shared = {stream: purposes for stream, purposes in uses.items() if len(purposes) > 1}
    assert shared == {}
    # nor is any the user's own generator
    users = np.random.SeedSequence(SEED).generate_state(4, np.uint64).tolist()
    assert ("numpy", *users) not in uses


def test_all_that_takes_a_seed_is_watched() -> None:
    """But for comparisons of kernels, whose chains share theirs, as documented."""
    taking = {
        f"{name}.{inner}" if inner else name
        for name, thing in [*public().items(), *vars(testing).items()]
        for inner, function in [("", thing), *(vars(thing).items() if type(thing) is type else ())]
        if getattr(thing, "__module__", "").startswith("m4dl") and not inner.startswith("__")
        if thing is not generator
        for function in [getattr(function, "__func__", function)]
        if inspect.isfunction(function) and "seed" in inspect.signature(function).parameters
    }
    assert len(taking) > 12
    source = inspect.getsource(everything)
    missing = {name for name in taking if f"{name.split('.')[-1]}(" not in source}
    kernels = {name for name in taking if name.endswith(".start")}  # which sample calls
    assert missing - kernels == {"studies.compare_kernels"}


def test_white_noises_of_one_seed_are_independent() -> None:
    """Of 4,000 numbers a correlation has the standard error 1/sqrt(4000).

    One of the 28 pairs exceeds 5 of them with probability 2e-5.
    """
    size = 4000
    plain = m4dl.GaussianPrior(np.zeros(size), 1.0)
    weak = m4dl.Posterior(  # data that say nothing: Laplace's draws are their white noise
        m4dl.LinearModel(np.full((1, size), 1e-9)),
        plain,
        data=[0.0],
        noise=m4dl.GaussianNoise(1.0),
    )
    fit = m4dl.laplace(weak, at=np.zeros(size), seed=SEED)
    run = m4dl.sample(
        weak, m4dl.PCN(1.0), draws=1, chains=1, seed=SEED, start="mean", progress=False
    )
    noises = {
        "truth": plain.draw(1, SEED)[0],
        "second field": plain.draw(1, SEED, stream=1)[0],
        "third field": plain.draw(1, SEED, stream=2)[0],
        "starts": np.asarray(_core.initial_white_noise(SEED, 1, size))[0],
        "map": _starts(2, SEED, size)[1],
        "laplace": fit.draw_white(1, SEED)[0],
        "proposals": np.asarray(run.theta)[0, 0],
        "user": np.random.default_rng(SEED).standard_normal(size),
    }
    for one, two in combinations(noises, 2):
        r = np.corrcoef(noises[one], noises[two])[0, 1]
        assert abs(r) < 5 / size**0.5, (one, two, r)


def test_purposes_are_told_apart_from_replicates() -> None:
    """Trailing zeros of an entropy are nothing to NumPy's seed sequence; a spawn key is hashed."""
    plain = [np.random.default_rng(of) for of in (SEED, [SEED, 1, 0], [SEED, 8])]
    ours = [generator(p, SEED, *n) for p in Purpose for n in ((), (0,), (0, 0), (1,))]
    first = [rng.integers(2**63) for rng in [*plain, *ours]]
    assert len(set(first)) == len(first)


def test_a_generator_is_spelled_as_it_is_made() -> None:
    told = eval(spelled(Purpose.SBC, SEED, 3), {"np": np})
    assert told.random() == generator(Purpose.SBC, SEED, 3).random()
    text = spelled(Purpose.SBC, SEED)
    assert eval(text, {"np": np}).random() == generator(Purpose.SBC, SEED).random()


def test_two_priors_with_one_seed_have_one_white_noise() -> None:
    """As documented; another stream makes them independent."""
    grid = m4dl.Grid((16, 16))
    f, psi = m4dl.MaternPrior(grid), m4dl.MaternPrior(grid, mean=2.0)
    same = np.corrcoef(f.draw(1, 1)[0], psi.draw(1, 1)[0])[0, 1]
    assert same == pytest.approx(1.0, abs=1e-12)
    draws = [np.stack([p.draw(400, 1, stream=k)[:, 50] for p in (f, psi)]) for k in (0, 3)]
    # 400 pairs of fields at a node: standard error 0.05
    assert abs(np.corrcoef(draws[0][0], draws[1][1])[0, 1]) < 0.25
    with pytest.raises(ValueError, match="stream must be at least 0, got -1"):
        f.draw(1, 1, stream=-1)
