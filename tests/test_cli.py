"""The command line: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import m4dl
import pytest
from m4dl import cli

SMALL = ["--chains", "2", "--draws", "8", "--warmup", "40", "--threads", "1"]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what a misspelt command says; argparse leaves with status 2."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"m4dl {m4dl.__version__}\n"


def test_info_has_the_build_and_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    for name, value in m4dl.build_info().items():
        assert lines[name] == str(value)
    assert {"python", "numpy", "scipy", "matplotlib", "location"} <= set(lines)


def test_no_command_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    assert "demo" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--draws", "0"], "argument --draws: must be at least 4, got 0"),
        (["--draws", "many"], "argument --draws: must be an integer, got 'many'"),
        (["--draws", "1e4"], "argument --draws: must be an integer, got '1e4'"),
        (["--chains", "0"], "argument --chains: must be at least 1, got 0"),
        (["--warmup", "0"], "argument --warmup: must be at least 40, got 0"),
        (["--threads", "-1"], "argument --threads: must be at least 0, got -1"),
        (["--seed", "-1"], "argument --seed: must be at least 0, got -1"),
        (["--seed", str(2**64)], f"argument --seed: must be at most {2**64 - 1}, got {2**64}"),
        (["heat"], "invalid choice: 'heat'"),
        (["--thin=3"], "unrecognized arguments: --thin=3"),
    ],
)
def test_wrong_arguments(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert message in refused(capsys, "demo", *arguments)


def test_wrong_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert "invalid choice: 'sample'" in refused(capsys, "sample")


def test_without_matplotlib(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", *SMALL]) == 1
    assert "pip install 'm4dl[demo]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_out_that_is_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    taken = tmp_path / "taken"
    taken.write_text("")
    assert cli.main(["demo", *SMALL, "--out", str(taken)]) == 1
    assert f"cannot write to --out {taken}: " in capsys.readouterr().err


def test_ctrl_c(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("m4dl.demo.settings.sample", interrupted)
    assert cli.main(["demo", *SMALL, "--out", str(tmp_path)]) == 130
    assert "stopped, nothing written" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["darcy", "schrodinger"])
def test_demo_writes_a_summary_numbers_and_figures(
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    chosen = [] if name == "darcy" else [name]  # darcy is the default
    assert cli.main(["demo", *chosen, *SMALL, "--seed", "7"]) == 0
    shown = capsys.readouterr()
    out = tmp_path / f"m4dl-demo-{name}"
    assert (out / "summary.txt").read_text(encoding="utf-8") in shown.out
    assert f"Written to m4dl-demo-{name}: summary.txt, results.json, fields.png" in shown.out
    assert "Not converged" in shown.out  # eight draws cannot have
    assert "100%" in shown.err
    for figure in ("fields", "traces", "histograms"):
        assert (out / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
    numbers = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert numbers["demo"] == name
    provenance = (numbers if name == "darcy" else numbers["results"][0])["provenance"]
    assert provenance["chains"] == 2
    assert provenance["draws"] == 8
    assert provenance["build"] == m4dl.build_info()


def test_a_quiet_demo_is_reproducible(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")

    def means(folder: str) -> list[float]:
        quiet = ["--quiet", "--seed", "3", "--out", str(tmp_path / folder)]
        assert cli.main(["demo", *SMALL, *quiet]) == 0
        shown = capsys.readouterr()
        assert shown.err == ""
        assert "Pilot" not in shown.out
        out: list[float] = json.loads((tmp_path / folder / "results.json").read_text())["a"]["mean"]
        return out

    assert means("a") == means("b")
