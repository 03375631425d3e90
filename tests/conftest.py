"""Seeds of the statistical tests: fixed, unless the nightly run shifts them all. And Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed-offset",
        type=int,
        default=0,
        metavar="N",
        help="added to the seed of every statistical test (default 0)",
    )


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed offset: {config.getoption('--seed-offset')}"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """``seed(base)``: the seed to use. Offsets are scaled so that bases never meet each other's."""
    offset: int = request.config.getoption("--seed-offset")
    return lambda base: base + 10_000 * offset


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Listen to SIGINT, which a suite that runs in the background was started to ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
