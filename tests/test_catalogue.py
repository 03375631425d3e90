"""The catalogue is complete, and what it lists is documented."""

from __future__ import annotations

import inspect
import re
from typing import Any

import m4dl
import pytest
from catalogue import DELAYED, KERNELS, METRICS, MODELS, PRIORS
from m4dl import credible
from m4dl.models import Model
from m4dl.priors import Prior
from public import public

BUILT = {
    "model": {type(row.build()) for row in MODELS},
    "prior": {type(row.build()) for row in PRIORS},
    "kernel": {type(row.kernel(3)) for row in [*KERNELS, *DELAYED]},
}
PUBLIC = {thing for thing in public().values() if callable(thing) and hasattr(thing, "__name__")}
CLASSES = [c for c in PUBLIC if isinstance(c, type)]
# Results, which nobody builds by hand, and a function without arguments.
RESULTS = {
    m4dl.results.Summary,
    credible.Kind,
    credible.Region,
    Model,
    Prior,
    m4dl.studies.Comparison,
    m4dl.results.Draws,
    m4dl.modes.Laplace,
    m4dl.modes.MapEstimate,
    m4dl.results.Moments,
}
KINDS = {credible.Ball, credible.Band, credible.Ellipsoid, credible.Interval, credible.SupBall}
CALLED = sorted((PUBLIC | KINDS) - RESULTS - {m4dl.build_info}, key=lambda c: c.__name__)


@pytest.mark.parametrize(("family", "root"), [("model", Model), ("prior", Prior)])
def test_every_public_class_has_a_row(family: str, root: type) -> None:
    assert {c for c in CLASSES if issubclass(c, root)} - {root} == BUILT[family]


def test_every_public_kernel_has_a_row() -> None:
    assert {c for c in CLASSES if hasattr(c, "start")} == BUILT["kernel"]
    for row in KERNELS:
        assert (row.kernel(3).metric is None) == (row.metric is None)
    # each with every metric, and with none
    alone = BUILT["kernel"] - {m4dl.DelayedAcceptance}
    assert len(KERNELS) == len(METRICS) * len(alone)


def test_names_of_rows_are_unique() -> None:
    for rows in (MODELS, PRIORS, KERNELS):
        names = [str(row) for row in rows]
        assert len(set(names)) == len(names)


def documented(text: str) -> set[str]:
    """Names under Parameters and Attributes of a numpydoc docstring: ``a, b : type``."""
    out: set[str] = set()
    for section in ("Parameters", "Attributes"):
        found = re.search(rf"^{section}\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", text, re.M | re.S)
        if found:
            for names in re.findall(r"^(\w[\w, ]*?)(?: : .*)?$", found[1], re.M):
                out |= {name.strip() for name in names.split(",")}
    return out


@pytest.mark.parametrize("thing", CALLED, ids=lambda c: c.__name__)
def test_every_argument_is_documented(thing: Any) -> None:
    text = inspect.getdoc(thing)
    assert text
    arguments = set(inspect.signature(thing).parameters)
    if len(arguments) > 1:  # a single one may be told in a sentence
        assert arguments <= documented(text), arguments - documented(text)


@pytest.mark.parametrize("family", BUILT)
def test_published_methods_name_their_source(family: str) -> None:
    """Paper and section, for all that is not plain linear algebra or the user's own."""
    own = {
        m4dl.AffineElliptic,
        m4dl.LinearModel,
        m4dl.PythonModel,
        m4dl.GaussianPrior,
        m4dl.SparsePrior,
    }
    for cls in BUILT[family] - own:
        assert re.search(r"^Source\n------\n\S", inspect.getdoc(cls) or "", re.M), cls
