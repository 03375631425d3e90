"""The layer check accepts this tree and can fail: each rule is broken once in a tree of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BAYES = "cpp/include/m4dl/bayes/potential.hpp"
MODEL = "cpp/include/m4dl/model/wave.hpp"
SOLVE = "cpp/include/m4dl/solve/wave_solver.hpp"
SOURCE = "cpp/src/wave.cpp"
PARALLEL = "cpp/include/m4dl/base/parallel.hpp"


def check(root: Path) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "tools" / "check_layers.py"), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def check_file(root: Path, path: str, text: str) -> tuple[int, str]:
    file = root / path
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    return check(root)


def test_this_tree_keeps_its_layers():
    status, output = check(ROOT)
    assert status == 0, output


@pytest.mark.parametrize(
    ("path", "text", "offence"),
    [
        (MODEL, '#include "m4dl/mcmc/pcn.hpp"', "model may not see mcmc, a layer above it"),
        (MODEL, '#include "m4dl/prior/any.hpp"', "model and prior may not see each other"),
        (MODEL, "#include <m4dl/bayes/potential.hpp>", "model may not see bayes"),
        (MODEL, '#include "m4dl/wave/mesh.hpp"', '"m4dl/wave/mesh.hpp" lies in no layer'),
        (MODEL, '#include "m4dl/mesh.hpp"', '"m4dl/mesh.hpp" lies in no layer'),
        (MODEL, '#include "../mcmc/pcn.hpp"', 'write "m4dl/<layer>/<file>" instead of'),
        (MODEL, "#include <pybind11/pybind11.h>", "only cpp/bindings may include"),
        (MODEL, "namespace py = pybind11;", "Python belongs in cpp/bindings alone"),
        (MODEL, "  # pragma omp parallel for", "OpenMP belongs in base/parallel alone"),
        (MODEL, '_Pragma("omp simd")', "OpenMP belongs in base/parallel alone"),
        (MODEL, "int n = omp_get_max_threads();", "OpenMP belongs in base/parallel alone"),
        (MODEL, "#include <omp.h>", "OpenMP belongs in base/parallel alone"),
        (MODEL, '#include "m4dl/noise/any.hpp"', "model and noise may not see each other"),
        (SOLVE, '#include "m4dl/model/any.hpp"', "solve may not see model, a layer above it"),
        (SOLVE, '#include "m4dl/prior/any.hpp"', "solve may not see prior, a layer above it"),
        (
            "cpp/include/m4dl/fem/mesh.hpp",
            '#include "m4dl/solve/assembler.hpp"',
            "fem may not see solve, a layer above it",
        ),
        (
            "cpp/include/m4dl/stats/order.hpp",
            '#include "m4dl/fem/grid.hpp"',
            "stats and fem may not see each other",
        ),
        (BAYES, '#include "m4dl/model/darcy.hpp"', "bayes sees model only through any.hpp and"),
        (BAYES, '#include "m4dl/prior/matern.hpp"', "bayes sees prior only through any.hpp and"),
        ("cpp/include/m4dl/stray.hpp", "#pragma once", "the file lies in no layer"),
        (SOURCE, "#include <vector>", "the file lies in no layer"),
        (
            SOURCE,
            '#include "m4dl/model/a.hpp"\n#include "m4dl/mcmc/b.hpp"',
            "model may not see mcmc",
        ),
        ("cpp/tests/test_wave.cpp", "#include <Python.h>", "only cpp/bindings may include"),
    ],
)
def test_each_rule_can_be_broken(tmp_path, path, text, offence):
    # The last line offends, after a comment that must neither offend nor shift the count.
    status, output = check_file(tmp_path, path, f"/* pybind11 and\n   omp_ask() */\n{text}\n")
    assert status == 1
    line = 1 if offence == "the file lies in no layer" else 3 + text.count("\n")
    assert output.startswith(f"{path}:{line}: ")
    assert offence in output
    assert output.endswith("layers: 1 files, 1 offences\n")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (MODEL, '#include <vector>\n#include <Eigen/Core>\n#include "m4dl/fem/grid.hpp"'),
        (MODEL, '// #include "m4dl/mcmc/pcn.hpp"\nauto url = "//";  // pybind11'),
        (MODEL, '#include "m4dl/solve/assembler.hpp"'),
        ("cpp/include/m4dl/prior/wave.hpp", '#include "m4dl/solve/elliptic_solver.hpp"'),
        (SOLVE, '#include "m4dl/fem/grid.hpp"'),
        (BAYES, '#include "m4dl/model/any.hpp"\n#include "m4dl/prior/concept.hpp"'),
        (
            "cpp/src/parallel.cpp",
            '#include "m4dl/base/parallel.hpp"\n#include <omp.h>\n#pragma omp parallel',
        ),
        (PARALLEL, "#include <omp.h>\n#pragma omp parallel for\nint n = omp_get_max_threads();"),
        (
            "cpp/bindings/bind_model.cpp",
            '#include <pybind11/numpy.h>\n#include "arrays.hpp"\n#include "m4dl/model/darcy.hpp"',
        ),
        (SOURCE, '#include "m4dl/fem/a.hpp"\n\n#include <vector>\n#include "m4dl/base/b.hpp"'),
        ("cpp/tests/test_wave.cpp", '#include "m4dl/mcmc/pcn.hpp"\n#include "check.hpp"'),
    ],
)
def test_what_the_rules_allow_passes(tmp_path, path, text):
    status, output = check_file(tmp_path, path, text)
    assert (status, output) == (0, "layers: 1 files, 0 offences\n")


def test_a_tree_without_source_is_an_error(tmp_path):
    status, output = check(tmp_path)
    assert status == 1
    assert output.startswith("no source under")


POSTERIOR = "python/m4dl/posterior.py"
PLOT = "python/m4dl/plot/_waves.py"
INIT = "python/m4dl/models/__init__.py"


@pytest.mark.parametrize(
    ("path", "text", "offence"),
    [
        (POSTERIOR, "from .sampling import sample", "posterior may not see sampling, which stands"),
        (POSTERIOR, "from m4dl.modes import find_map", "posterior may not see modes"),
        (POSTERIOR, "def f():\n    from .studies import sbc", "posterior may not see studies"),
        (
            PLOT,
            "if TYPE_CHECKING:\n    from ..results import Draws",
            "plot may not see results, which stands below it",
        ),
        (PLOT, "from .. import results", "plot may not see results"),
        (POSTERIOR, "from .models._paths import sampling", "models._paths is private to models"),
        (POSTERIOR, "from .models import _paths", "models._paths is private to models"),
        (PLOT, "from .. import sample", "plot takes sample from the top: name its room"),
        (POSTERIOR, "import m4dl.models", "write 'from ...' instead of 'import m4dl.models'"),
        (POSTERIOR, "import matplotlib.pyplot", "only plot may import matplotlib"),
        (POSTERIOR, "from zarr import open_group", "only sampling may import zarr"),
        (POSTERIOR, 'zarr = optional("zarr", "zarr")', "only sampling may import zarr"),
        (INIT, "def forward(): ...", "an __init__ only hands on names"),
        ("python/m4dl/waves.py", "x = 1", "the module lies in no room"),
    ],
)
def test_each_rule_of_rooms_can_be_broken(tmp_path, path, text, offence):
    status, output = check_file(tmp_path, path, f'"""from .sampling import sample"""\n{text}\n')
    assert status == 1
    line = 1 if "no room" in offence else 2 + text.count("\n")
    assert output.startswith(f"{path}:{line}: "), output
    assert offence in output
    assert output.endswith("layers: 1 files, 1 offences\n")


def test_no_name_is_that_of_a_module_beside_it(tmp_path):
    (tmp_path / "python/m4dl/models").mkdir(parents=True)
    (tmp_path / "python/m4dl/models/wave.py").write_text("")
    (tmp_path / INIT).write_text("from .waves import wave\n")
    status, output = check(tmp_path)
    assert status == 1
    assert output.startswith(f"{INIT}:1: wave hides the module beside it")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (POSTERIOR, "from .models import Model\nfrom ._base.validate import Array"),
        (POSTERIOR, "from . import _core\nfrom .models import base\nimport numpy as np"),
        (PLOT, "if TYPE_CHECKING:\n    from matplotlib.axes import Axes"),
        (POSTERIOR, "if TYPE_CHECKING:\n    from matplotlib.axes import Axes"),
        (PLOT, "from ._fields import field\nfrom ..domains.norms import norm_of"),
        (INIT, '"""Models."""\nfrom .base import Model as Model\n__all__ = ["Model"]'),
        ("python/m4dl/__init__.py", "from .sampling import sample\nx = 1"),
    ],
)
def test_what_rooms_allow_passes(tmp_path, path, text):
    status, output = check_file(tmp_path, path, text)
    assert (status, output) == (0, "layers: 1 files, 0 offences\n")
