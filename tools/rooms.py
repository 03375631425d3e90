"""The rooms of the Python package: which may see which, checked for ``check_layers.py``.

A package sees those above it in `ROOMS` only, and of them what their ``__init__`` hands on, or
their modules without an underscore. Imports inside functions and for types count too. An
``__init__`` only hands on names, none of which is that of a module beside it. Optional packages
have one door each.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

PACKAGE = PurePosixPath("python/m4dl")
ROOMS = (
    "_core",
    "_base",
    "domains",
    "plot",
    "results",
    "rays",
    "priors",
    "noise",
    "models",
    "posterior",
    "kernels",
    "modes",
    "sampling",
    "langevin",
    "credible",
    "studies",
    "testing",
    "demo",
    "cli",
)
# Packages that m4dl can do without, and the only room that may know of each.
DOORS = {
    "matplotlib": ("plot",),
    "mpl_toolkits": ("plot",),
    "zarr": ("sampling",),
    "xarray": ("results",),
    "arviz": ("results",),
    "meshio": ("domains",),
}
TOP = "m4dl"


def room_of(path: PurePosixPath) -> str | None:
    """Return the room of a file given relative to the root; None if it lies in none."""
    inside = path.relative_to(PACKAGE).parts
    if inside == ("__init__.py",):
        return TOP
    name = inside[0].removesuffix(".py")
    return name if name in ROOMS else None


def imported(path: PurePosixPath, node: ast.ImportFrom) -> str | None:
    """Return the module that ``from ... import`` names, relative to m4dl; None if not ours."""
    module = node.module or ""
    if node.level == 0:
        inside = module == TOP or module.startswith(f"{TOP}.")
        return module.removeprefix(TOP).removeprefix(".") if inside else None
    package = path.relative_to(PACKAGE).parts[:-1]
    above = package[: len(package) - node.level + 1]
    return ".".join((*above, *filter(None, (module,))))


def broken_import(room: str, module: str, name: str) -> str | None:
    """Return the rule that ``from module import name`` breaks, or None."""
    parts = (*filter(None, module.split(".")), name)
    other = parts[0]
    if room == TOP or other == room:
        return None
    if other not in ROOMS:
        known = other in {"__version__", "build_info"} and room == "cli"
        return None if known else f"{room} takes {other} from the top: name its room"
    if ROOMS.index(other) > ROOMS.index(room):
        return f"{room} may not see {other}, which stands below it"
    inside = [part for part in parts[1:] if part.startswith("_")]
    if inside:
        return f"{other}.{inside[0]} is private to {other}: take it from {other}"
    return None


def broken_rules(
    path: PurePosixPath, text: str, beside: frozenset[str] = frozenset()
) -> Iterator[tuple[int, str]]:
    """Yield (line number, rule) for every rule that one module breaks.

    ``beside`` are the names of the modules in its folder.
    """
    room = room_of(path)
    if room is None:
        yield 1, f"the module lies in no room: put it into one of {', '.join(ROOMS[1:])}"
        return
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                if first == TOP:
                    yield node.lineno, f"write 'from ...' instead of 'import {alias.name}'"
                elif rule := closed_door(room, first, types=False):
                    yield node.lineno, rule
        elif isinstance(node, ast.ImportFrom):
            module = imported(path, node)
            if module is None:
                first = (node.module or "").partition(".")[0]
                if rule := closed_door(room, first, types=for_types(tree, node)):
                    yield node.lineno, rule
                continue
            for alias in node.names:
                if rule := broken_import(room, module, alias.name):
                    yield node.lineno, rule
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "optional":
            for argument in node.args[:1]:
                first = str(getattr(argument, "value", "")).partition(".")[0]
                if rule := closed_door(room, first, types=False):
                    yield node.lineno, rule
    if path.name == "__init__.py" and room != TOP:
        yield from broken_init(tree, beside)


def for_types(tree: ast.Module, node: ast.AST) -> bool:
    """Return whether an import stands under ``if TYPE_CHECKING``."""
    return any(
        isinstance(block, ast.If)
        and isinstance(block.test, ast.Name)
        and block.test.id == "TYPE_CHECKING"
        and node in block.body
        for block in tree.body
    )


def closed_door(room: str, package: str, *, types: bool) -> str | None:
    """Return the rule that an import of an optional package breaks; types of it are nobody's."""
    doors = DOORS.get(package)
    if doors is None or room in doors or types:
        return None
    return f"only {' and '.join(doors)} may import {package}"


def broken_init(tree: ast.Module, beside: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Yield what an ``__init__`` has besides names to hand on, and names of modules among them."""
    for node in tree.body:
        targets = [getattr(t, "id", "") for t in getattr(node, "targets", ())]
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (text or targets == ["__all__"] or isinstance(node, ast.ImportFrom)):
            yield node.lineno, "an __init__ only hands on names"
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = alias.asname or alias.name
                if name in beside:
                    yield node.lineno, f"{name} hides the module beside it that has this name"


def offences(root: Path) -> tuple[int, list[str]]:
    """Return the number of modules under ``root``, and the rules they break."""
    files = sorted((root / PACKAGE).rglob("*.py"))
    found = []
    for file in files:
        path = PurePosixPath(file.relative_to(root).as_posix())
        names = {p.stem for p in file.parent.glob("*.py")} | {
            p.name for p in file.parent.glob("*/")
        }
        beside = frozenset(names - {"__init__"})
        for number, rule in broken_rules(path, file.read_text(encoding="utf-8"), beside):
            found.append(f"{path}:{number}: {rule}")
    return len(files), found
