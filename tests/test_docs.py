"""The README and the guide are true: code runs, links lead somewhere, nothing is missing.

The Python blocks of a page run from top to bottom in one namespace, in an empty folder. What they
assert is asserted; the rest must not raise.
"""

from __future__ import annotations

import re
from pathlib import Path

import m4dl
import pytest

ROOT = Path(__file__).parents[1]
GUIDE = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *GUIDE]
TEXTS = [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
LARGEST_FIGURE = 100_000  # bytes
README_LINES = 15


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[str]:
    """Return the Python blocks, each behind so many empty lines that line numbers are right."""
    text = page.read_text(encoding="utf-8")
    return [
        "\n" * text[: block.start(1)].count("\n") + block.group(1) for block in BLOCK.finditer(text)
    ]


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=name)
def test_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("matplotlib", "zarr", "xarray"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_links(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{name(page)} links to {target}"


def test_readme() -> None:
    lines = [line.strip() for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()]
    assert "pip install '.[demo]' && m4dl demo" in lines
    assert "pip install '.[test]' && pytest" in lines
    (example,) = blocks(ROOT / "README.md")
    assert len([line for line in example.splitlines() if line]) <= README_LINES


def test_every_public_name_is_explained() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in GUIDE)
    missing = [public for public in m4dl.__all__ if not re.search(rf"\b{public}\b", text)]
    assert not missing


def test_every_page_and_example_is_listed() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    gallery = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    assert [page.name for page in GUIDE if page.name != "index.md" and page.name not in index] == []
    examples = [path.name for path in (ROOT / "examples").glob("*.py")]
    assert [example for example in examples if example not in gallery] == []


def test_figures() -> None:
    figures = sorted((ROOT / "docs" / "figures").iterdir())
    used = {
        Path(target).name
        for page in PAGES
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if "figures/" in target
    }
    assert {path.name for path in figures} == used
    assert [path.name for path in figures if path.stat().st_size > LARGEST_FIGURE] == []


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_no_path_of_a_machine(page: Path) -> None:
    found = re.findall(
        r"(?<![\w.])/(?:work|home|tmp|opt|usr|root|Users)/\S*", page.read_text("utf-8")
    )
    assert not found
