"""Pictures: that the right numbers are drawn at the right places, and nothing global is touched."""

from __future__ import annotations

import dataclasses
import io
import sys

import m4dl
import numpy as np
import pytest
from m4dl import plot

matplotlib = pytest.importorskip("matplotlib")

SEED = 20240607
GRID = m4dl.Grid((6, 3), extent=((0, 2), (-1, 0)))
MESH = m4dl.TriangleMesh(
    np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.4, 0.5]], dtype=float),
    np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]),
)
BRICK = m4dl.TetrahedronMesh.box((2, 4, 3), ((0, 2), (-1, 1), (0, 3)))


def about(chains, domain, at, **changes):
    """Return the description of a run of fields on a domain."""
    known = {
        "acceptance": np.full(chains, 0.25),
        "step_size": np.full(chains, 0.1),
        "failures": np.zeros(chains, dtype=int),
        "warmup": 0,
        "thin": 1,
        "seed": 1,
        "kernel": "PCN(beta=0.1)",
        "complete": True,
        "provenance": {},
        "seconds": 1.0,
        "domain": domain,
        "at": at,
    }
    return known | changes


def run(domain, at, size, chains=3, draws=200, **changes):
    """Return draws around 0..D-1 with standard deviation about 0.5."""
    noise = np.random.default_rng(SEED).standard_normal((chains, draws, size))
    theta = np.arange(size) + 0.5 * noise
    return m4dl.results.Draws(theta, -(theta[:, :, 0] ** 2), **about(chains, domain, at, **changes))


def render(figure):
    """Draw it all, as saving does, and return the size of the file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    return len(buffer.getvalue())


@pytest.fixture(autouse=True)
def nothing_global_changes():
    """Fail a test that changes rcParams or leaves a figure to pyplot."""
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


@pytest.mark.parametrize("at", ["nodes", "interior", "cells"])
def test_an_image_has_x_to_the_right_and_y_upwards(at):
    shape = GRID.shape_of(at)
    theta = np.arange(np.prod(shape), dtype=float)
    ax = plot.field(theta, GRID, at)
    (image,) = ax.images
    assert image.origin == "lower"
    # Rows of an image are y, columns x: the pixel around (x_i, y_j) shows theta[i, j].
    pixels = image.get_array()
    left, right, bottom, top = image.get_extent()
    dx, dy = (right - left) / shape[0], (top - bottom) / shape[1]
    for (x, y), value in zip(GRID.coordinates(at), theta, strict=True):
        assert pixels[int((y - bottom) / dy), int((x - left) / dx)] == value
        assert (x - left) / dx % 1 == pytest.approx(0.5)
        assert (y - bottom) / dy % 1 == pytest.approx(0.5)
    if at == "nodes":
        assert (ax.get_xlim(), ax.get_ylim()) == ((0, 2), (-1, 0))
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_aspect()) == ("x", "y", 1)
    assert render(ax.figure) > 1000


@pytest.mark.parametrize("at", ["nodes", "interior", "cells"])
def test_a_line_passes_through_its_values(at):
    grid = m4dl.Grid((5,), extent=((1, 2),))
    theta = np.sin(3 * grid.coordinates(at)[:, 0])
    ax = plot.field(theta, grid, at, label="f", title="a field", vmin=-2, vmax=2)
    if at == "cells":
        values, edges, _ = ax.patches[0].get_data()
        np.testing.assert_allclose((edges[1:] + edges[:-1]) / 2, grid.coordinates(at)[:, 0])
        np.testing.assert_array_equal(values, theta)
    else:
        (line,) = ax.lines
        np.testing.assert_allclose(line.get_xdata(), grid.coordinates(at)[:, 0])
        np.testing.assert_array_equal(line.get_ydata(), theta)
    assert (ax.get_xlim(), ax.get_ylim()) == ((1, 2), (-2, 2))
    assert (ax.get_ylabel(), ax.get_title()) == ("f", "a field")
    assert render(ax.figure) > 1000


@pytest.mark.parametrize(("at", "size"), [("nodes", 5), ("cells", 4)])
def test_a_mesh_is_shaded_by_its_values(at, size):
    theta = np.linspace(-1, 1, size)
    ax = plot.field(theta, MESH, at, vmin=-3, vmax=3, label="theta")
    (shaded,) = ax.collections
    np.testing.assert_array_equal(shaded.get_array(), theta)
    assert shaded.get_clim() == (-3, 3)
    assert render(ax.figure) > 1000


def linear(x):
    return 1 + x @ [1.0, -2.0, 3.0]


@pytest.mark.parametrize("level", [-1.0, -0.5, 0.0, 0.2, 1.0])
def test_a_plane_cuts_tetrahedra(level):
    """A linear field is itself on the section, which is the whole rectangle."""
    theta = linear(BRICK.points)
    ax = plot.field(theta, BRICK, "nodes", plane=("y", level))
    (shaded,) = ax.collections
    triangles = shaded._triangulation  # of tripcolor
    corners = np.stack([triangles.x, np.full_like(triangles.x, level), triangles.y], axis=1)
    np.testing.assert_allclose(shaded.get_array(), linear(corners), rtol=1e-13)
    a, b, c = np.moveaxis(corners[triangles.triangles][..., [0, 2]], 1, 0)
    area = np.abs(np.linalg.det(np.stack([b - a, c - a], axis=1))).sum() / 2
    assert area == pytest.approx(2 * 3, rel=1e-13)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "z")
    assert render(ax.figure) > 1000


def test_a_plane_cuts_cells():
    """Each triangle of the section has the value of its cell, here its height."""
    heights = np.floor(BRICK.coordinates("cells")[:, 2])  # cells are 1 high
    shaded = plot.field(heights, BRICK, "cells", plane=("z", 1.5)).collections[0]
    np.testing.assert_array_equal(np.unique(shaded.get_array()), [1.0])


@pytest.mark.parametrize(
    ("at", "tolerance"), [("nodes", 1e-13), ("interior", 1e-13), ("cells", 0.6)]
)
def test_a_plane_cuts_a_grid(at, tolerance):
    grid = m4dl.Grid((4, 6, 5), ((0, 2), (-1, 1), (0, 3)))
    theta = linear(grid.coordinates(at))
    ax = plot.field(theta, grid, at, plane=("x", 1.1))
    flat = m4dl.Grid((6, 5), grid.extent[1:])
    y, z = flat.coordinates(at).T
    expected = linear(np.stack([np.full_like(y, 1.1), y, z], axis=1))
    drawn = ax.images[0].get_array().T.ravel()
    np.testing.assert_allclose(drawn, expected, rtol=0, atol=tolerance)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("y", "z")


def test_posterior_fields_on_a_plane():
    draws = run(BRICK, "nodes", len(BRICK.points))
    figure = draws.plot_fields(np.arange(len(BRICK.points)), plane=("z", 1.0))
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["truth", "posterior mean", "posterior standard deviation"]
    assert render(figure) > 1000


def test_a_field_may_be_drawn_on_axes_of_ones_own():
    figure = matplotlib.figure.Figure()
    left, right = figure.subplots(1, 2)
    assert plot.field(np.arange(18), GRID, "cells", ax=right, colorbar=False) is right
    assert not left.images
    assert len(figure.axes) == 2


@pytest.mark.parametrize(("domain", "at", "size"), [(GRID, "cells", 18), (MESH, "nodes", 5)])
@pytest.mark.parametrize("known", [True, False])
def test_mean_and_truth_share_their_colours(domain, at, size, known):
    draws, exact = run(domain, at, size), np.arange(size) - 7.0
    figure = draws.plot_fields(exact if known else None, label="log f", points=[[0.5, 0.0]])
    panels = [ax for ax in figure.axes if ax.get_title()]
    drawn = [(ax.images or ax.collections)[0] for ax in panels]
    expected = [exact] * known + [draws.mean(), draws.std()]
    for image, values in zip(drawn, expected, strict=True):
        np.testing.assert_allclose(np.sort(image.get_array().ravel()), np.sort(values))
    titles = ["truth"] * known + ["posterior mean", "posterior standard deviation"]
    assert [ax.get_title() for ax in panels] == titles
    low, high = drawn[-2].get_clim()
    assert (low, high) == (min(map(min, expected[:-1])), max(map(max, expected[:-1])))
    assert drawn[0].get_clim() == (low, high)
    assert drawn[-1].get_clim()[0] == 0
    assert panels[-2].lines[0].get_xydata().tolist() == [[0.5, 0.0]]
    assert render(figure) > 1000


@pytest.mark.parametrize("at", ["nodes", "cells"])
def test_in_one_dimension_there_is_a_band_around_the_mean(at):
    grid = m4dl.Grid((8,))
    size = grid.shape_of(at)[0]
    draws = run(grid, at, size)
    figure = draws.plot_fields(np.arange(size), points=[[0.25], [0.5]])
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["± 2 standard deviations", "posterior mean", "truth", "observations"]
    low, high = figure.axes[0].dataLim.intervaly
    assert low <= (draws.mean() - 2 * draws.std()).min() + 1e-12
    assert high >= (draws.mean() + 2 * draws.std()).max() - 1e-12
    assert render(figure) > 1000


def test_moments_can_be_drawn_too():
    draws = run(GRID, "cells", 18)
    kept = m4dl.results.Moments(
        mean=draws.theta.mean(axis=1),
        variance=draws.theta.var(axis=1, ddof=1),
        mcse=draws.mcse(),
        rhat=draws.rhat(),
        functionals={},
        draws=200,
        **about(3, GRID, "cells"),
    )
    image = kept.plot_fields().axes[0].images[0]
    np.testing.assert_allclose(image.get_array().T.ravel(), draws.mean())


def test_a_trace_shows_every_chain_and_its_histogram():
    draws = run(None, None, 4, chains=3, draws=300)
    figure = draws.plot_trace(parameters=[2], functional=np.ones(4))
    (first, beside), (second, _) = np.reshape(figure.axes, (2, 2))
    assert [ax.get_ylabel() for ax in (first, second)] == ["theta[2]", "functional"]
    for k in range(3):
        np.testing.assert_array_equal(first.lines[k].get_ydata(), draws.theta[k, :, 2])
        np.testing.assert_allclose(second.lines[k].get_ydata(), draws.theta[k].sum(axis=1))
    assert len(beside.patches) == 3
    assert first.get_title() == "3 chains, PCN(beta=0.1)"
    assert render(figure) > 1000


def test_a_trace_picks_what_mixes_worst_and_thins_long_chains():
    plain = run(None, None, 4, draws=5000, complete=False)
    theta = np.array(plain.theta)
    theta[:, :, 3] = np.cumsum(theta[:, :, 3] - 3, axis=1)
    draws = dataclasses.replace(plain, theta=theta)
    figure = draws.plot_trace()
    labels = [ax.get_ylabel() for ax in figure.axes[::2]]
    assert labels[:2] == ["log-likelihood", "theta[3]"]
    assert len(labels) == 3
    line = figure.axes[2].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), np.arange(0, 5000, 3))
    np.testing.assert_array_equal(line.get_ydata(), draws.theta[0, ::3, 3])
    assert figure.axes[-2].get_xlabel() == "draw (one in 3 shown)"
    assert figure.axes[0].get_title().endswith(", incomplete")


def test_a_trace_bears_failed_and_constant_quantities():
    plain = run(None, None, 2)
    theta, log_likelihood = np.array(plain.theta), np.array(plain.log_likelihood)
    theta[:, :, 0] = 1.5
    log_likelihood[0, :10] = -np.inf
    draws = dataclasses.replace(plain, theta=theta, log_likelihood=log_likelihood)
    assert render(draws.plot_trace()) > 1000


def test_a_histogram_carries_its_gaussian_and_the_truth():
    values = 3 + 0.5 * np.random.default_rng(SEED).standard_normal((4, 2500))
    ax = plot.histogram(values, exact=2.9, label="<theta, psi>", title="N = 600")
    area = sum(bar.get_width() * bar.get_height() for bar in ax.patches)
    assert area == pytest.approx(1)
    curve, truth = ax.lines
    x, density = curve.get_data()
    assert x[density.argmax()] == pytest.approx(values.mean(), abs=x[1] - x[0])
    assert density.max() == pytest.approx(1 / np.sqrt(2 * np.pi) / values.std(), rel=1e-3)
    assert density.sum() * (x[1] - x[0]) == pytest.approx(1, abs=1e-4)
    assert set(truth.get_xdata()) == {2.9}
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[-1] == "truth: 2.9"
    assert (ax.get_xlabel(), ax.get_title()) == ("<theta, psi>", "N = 600")
    assert render(ax.figure) > 1000


def test_the_gaussian_of_a_theorem_may_be_given():
    values = np.random.default_rng(SEED).standard_normal(1000)
    x, density = plot.histogram(values, gaussian=(1.0, 2.0)).lines[0].get_data()
    assert x[density.argmax()] == pytest.approx(1, abs=x[1] - x[0])
    assert (x[0], x[-1]) == (-7, 9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: plot.field(np.ones(17), GRID, "cells"),
            r"theta must have shape \(18,\) at 'cells', got \(17,\)",
        ),
        (
            lambda: plot.field(np.ones(18), GRID, "faces"),
            "at must be one of 'nodes', 'interior', 'cells', got 'faces'",
        ),
        (
            lambda: plot.field(np.ones(5), MESH, "interior"),
            "at must be one of 'nodes', 'cells', got 'interior'",
        ),
        (lambda: plot.field(np.full(18, np.nan), GRID, "cells"), "theta must be finite, got nan"),
        (
            lambda: plot.field(np.ones(8), m4dl.Grid((2, 2, 2)), "cells"),
            "theta lives in 3 dimensions, at most 2 can be drawn: pass plane=",
        ),
        (
            lambda: run(BRICK, "cells", len(BRICK.cells)).plot_fields(),
            "the posterior mean lives in 3 dimensions, at most 2 can be drawn: pass plane=",
        ),
        (
            lambda: plot.field(np.ones(18), GRID, "cells", plane=("z", 0.5)),
            "plane cuts fields in 3 dimensions, theta lives in 2",
        ),
        (
            lambda: plot.field(np.ones(len(BRICK.points)), BRICK, "nodes", plane=("w", 0.5)),
            r"plane\[0\] must be one of 'x', 'y', 'z', got 'w'",
        ),
        (
            lambda: plot.field(np.ones(len(BRICK.points)), BRICK, "nodes", plane=0.5),
            r"plane must be \(axis, coordinate\), got 0.5",
        ),
        (
            lambda: plot.field(np.ones(len(BRICK.points)), BRICK, "nodes", plane=("x", 2.5)),
            "plane must have x between 0 and 2, got 2.5",
        ),
        (
            lambda: run(BRICK, "nodes", len(BRICK.points)).plot_fields(
                plane=("x", 1.0), points=np.ones((1, 3))
            ),
            "points are marked in one and two dimensions",
        ),
        (
            lambda: run(None, None, 3).plot_fields(),
            "the posterior mean has no domain to be drawn on: pass domain=",
        ),
        (
            lambda: run(GRID, "cells", 18).plot_fields(exact=np.ones(4)),
            r"exact must have shape \(18,\) at 'cells', got \(4,\)",
        ),
        (
            lambda: run(GRID, "cells", 18).plot_fields(points=np.ones((4, 3))),
            r"points must have shape \(any, 2\), got \(4, 3\)",
        ),
        (lambda: run(None, None, 3).plot_trace([3]), "parameters must be below 3, got 3"),
        (lambda: run(None, None, 3).plot_trace([]), "nothing to draw"),
        (lambda: plot.histogram(np.ones(50)), "values must not all be equal, got 50 times 1"),
        (lambda: plot.histogram([1.0, np.inf]), "values must be finite, got inf"),
        (
            lambda: plot.histogram([1.0, 2.0], gaussian=(0, -1)),
            "gaussian standard deviation must be positive, got -1.0",
        ),
    ],
)
def test_pictures_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_missing_matplotlib_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"this needs matplotlib: pip install 'm4dl\[plot\]'"):
        plot.histogram([1.0, 2.0])
