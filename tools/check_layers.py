"""Check which part of the project sees which: ``python tools/check_layers.py [ROOT]``.

The rooms of the Python package are those of ``rooms.py`` beside this file. Of the C++ core:

The layers, lowest first; a header sees its own layer and those below::

    base <- linalg <- fem, stats <- solve <- model, prior, noise <- bayes <- mcmc <- bindings

Layers that stand side by side, such as models and priors, do not see each other. From ``bayes``
upwards (bindings excepted) models and priors are reached only through their type-erased headers, so
that N models, M priors and K kernels are compiled once each and never N x M x K times. pybind11
stays in the bindings and OpenMP in ``base/parallel``. Each offence is printed as
``file:line: rule``; any makes the exit status 1.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import rooms

RANK = {
    "base": 0,
    "linalg": 1,
    "fem": 2,
    "stats": 2,
    "solve": 3,
    "model": 4,
    "prior": 4,
    "noise": 4,
    "bayes": 5,
    "mcmc": 6,
    "bindings": 7,
    "tests": 7,
}
ERASED = {"any.hpp", "concept.hpp"}
SEES_ERASED_ONLY = {"bayes", "mcmc"}
NO_LAYER = (
    "the file lies in no layer: put it into cpp/include/m4dl/<layer>/, or into cpp/src/ with its "
    'own header "m4dl/<layer>/<file>" as the first include'
)
# The one parallel loop: its header and the source that implements it.
OPENMP_FILES = {"cpp/include/m4dl/base/parallel.hpp", "cpp/src/parallel.cpp"}
OPENMP_RULE = "OpenMP belongs in base/parallel alone"

# String literals are matched first, so that a "//" inside one does not start a comment.
TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
OPENMP = re.compile(r'\s*#\s*pragma\s+omp\b|_Pragma\s*\(\s*"\s*omp\b|\bomp_[a-z_]+\s*\(')
PYTHON = re.compile(r"\b(?:pybind11|PYBIND11_\w+|Py_\w+)\b")


def without_comments(text: str) -> str:
    """Blank out the comments of C++ source, keeping every line where it is."""

    def blank(match: re.Match[str]) -> str:
        token = match.group()
        return token if token.startswith('"') else "\n" * token.count("\n")

    return TOKEN.sub(blank, text)


def layer_of(path: PurePosixPath, code: str = "") -> str | None:
    """Return the layer of a file given relative to the root, None if it lies in none.

    A file of ``cpp/src`` stands in the layer of the header it implements, which it includes first.
    """
    match path.parts:
        case ("cpp", "include", "m4dl", layer, _, *_) if layer in RANK:
            return layer
        case ("cpp", ("bindings" | "tests") as layer, *_):
            return layer
        case ("cpp", "src", *_) if first := INCLUDE.search(code):
            return layer_of(PurePosixPath("cpp/include") / first[2])
    return None


def broken_include(path: PurePosixPath, layer: str, quoted: bool, target: str) -> str | None:
    """Return the rule that one include breaks, or None."""
    if target.startswith(("pybind11/", "Python.h", "numpy/")):
        return None if layer == "bindings" else f"only cpp/bindings may include <{target}>"
    if target == "omp.h":
        return None if str(path) in OPENMP_FILES else OPENMP_RULE
    if not target.startswith("m4dl/"):
        # A relative include would hide the layer that it reaches.
        if quoted and path.parts[1] in {"include", "src"}:
            return f'write "m4dl/<layer>/<file>" instead of "{target}"'
        return None
    reached = layer_of(PurePosixPath("cpp/include") / target)
    if reached is None:
        return f'"{target}" lies in no layer'
    if RANK[reached] > RANK[layer]:
        return f"{layer} may not see {reached}, a layer above it"
    if RANK[reached] == RANK[layer] and reached != layer:
        return f"{layer} and {reached} may not see each other"
    through_erasure = PurePosixPath(target).name in ERASED
    if layer in SEES_ERASED_ONLY and reached in {"model", "prior"} and not through_erasure:
        return f"{layer} sees {reached} only through {' and '.join(sorted(ERASED))}"
    return None


def broken_rules(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, rule) for every rule that one source file breaks."""
    code = without_comments(text)
    layer = layer_of(path, code)
    if layer is None:
        yield 1, NO_LAYER
        return
    for number, line in enumerate(code.splitlines(), start=1):
        if include := INCLUDE.match(line):
            rule = broken_include(path, layer, include[1] == '"', include[2])
            if rule is not None:
                yield number, rule
        elif OPENMP.search(line) and str(path) not in OPENMP_FILES:
            yield number, OPENMP_RULE
        elif PYTHON.search(line) and layer != "bindings":
            yield number, "Python belongs in cpp/bindings alone"


def main() -> int:
    parser = argparse.ArgumentParser(description="Check layers and rooms.")
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parents[1])
    root: Path = parser.parse_args().root
    files = [p for p in sorted((root / "cpp").rglob("*")) if p.suffix in {".hpp", ".cpp", ".h"}]
    if not files and not (root / rooms.PACKAGE).exists():
        print(f"no source under {root}")
        return 1
    offences = 0
    for file in files:
        path = PurePosixPath(file.relative_to(root).as_posix())
        for number, rule in broken_rules(path, file.read_text(encoding="utf-8")):
            print(f"{path}:{number}: {rule}")
            offences += 1
    modules, broken = rooms.offences(root)
    for line in broken:
        print(line)
    offences += len(broken)
    print(f"layers: {len(files) + modules} files, {offences} offences")
    return int(offences > 0)


if __name__ == "__main__":
    sys.exit(main())
