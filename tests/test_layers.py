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
    assert output.startswith("no C++ source under")
