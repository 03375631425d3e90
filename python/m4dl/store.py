"""A run on disk: draws streamed to Zarr, and checkpoints from which a killed run goes on.

A store is a Zarr group ``run.zarr`` with the arrays ``theta`` and ``log_likelihood`` and a group
``checkpoint``, whose folder holds ``problem.npz`` (what was sampled) and ``state.npz`` (where the
run stands). Two rules make a kill harmless at any instant. The folder and its checkpoints are
written aside and renamed. And draws are written in whole chunks; those of a chunk that is not full
are part of the checkpoint, so no chunk that it relies on is touched again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._fixed import read_only
from ._validate import Array
from .draws import Draws
from .kernels import Kernel
from .moments import Chunks, Functional, chunk_length
from .posterior import Posterior

FORMAT = 3
Sections = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Problem:
    """What was sampled and how: everything that must agree for a run to be continued.

    Attributes
    ----------
    settings : dict
        Values that are compared exactly, by name.
    exact, close : dict of str to ndarray
        Arrays that are compared bit for bit, and to a relative 1e-9 of their largest entry.
    """

    settings: dict[str, Any]
    exact: dict[str, Array]
    close: dict[str, Array]

    @classmethod
    def of(
        cls,
        posterior: Posterior,
        kernel: Kernel | None,
        start: Array,
        functionals: Mapping[str, Array | Functional],
        settings: dict[str, Any],
    ) -> Problem:
        """Describe a run: model and prior enter by their values at two fixed points."""
        # multiples of irrational numbers modulo 1: the same on every machine, without structure
        index = np.arange(1, posterior.white + 1)
        points = np.sqrt(12.0) * ((index * np.sqrt([[5.0], [2.0]])) % 1.0 - 0.5)
        theta = np.asarray(posterior.prior.push(points))
        exact = {"data": posterior.data, "noise": posterior.noise.expand(posterior.data.size)}
        metric = getattr(kernel, "metric", None)
        if metric is not None and not isinstance(metric, str):
            # the kernel's repr shows no more than their range
            exact |= {f"metric {name}": values for name, values in metric.arrays().items()}
        close = {
            "prior": theta,
            "start": start,
            "model": posterior.potential(posterior.probes(points)),
        }
        if (coarse := getattr(kernel, "coarse_posterior", None)) is not None:
            exact["coarse data"] = coarse.data
            exact["coarse noise"] = coarse.noise.expand(coarse.data.size)
            close["coarse prior"] = np.asarray(coarse.prior.push(points))
            close["coarse model"] = coarse.potential(points)
        for name, functional in functionals.items():
            label = f"functional {name!r}"
            if callable(functional):
                close[label] = np.asarray(functional(read_only(theta)), dtype=np.float64)
            else:
                exact[label] = functional
        return cls({**settings, "functionals": list(functionals)}, exact, close)

    def differences(self, stored: Problem) -> list[str]:
        """Say in words what is different in a stored problem."""
        out = [
            f"{name} (stored {stored.settings.get(name)}, now {value})"
            for name, value in self.settings.items()
            if stored.settings.get(name) != value
        ]
        for name, now in self.exact.items():
            out += _difference(name, stored.exact.get(name), now, 0.0)
        for name, now in self.close.items():
            # the potential is a matter of the model only if all else that enters it agrees
            level = name.removesuffix("model")
            enters = tuple(f"{level}{part}" for part in ("data", "noise", "prior"))
            if not name.endswith("model") or not any(d.startswith(enters) for d in out):
                out += _difference(name, stored.close.get(name), now, 1e-9)
        return out

    def sections(self) -> Sections:
        """Return the problem in the form in which it is saved."""
        text = {"json": np.array(json.dumps(self.settings))}
        return {"settings": text, "exact": self.exact, "close": self.close}

    @classmethod
    def from_sections(cls, sections: Sections) -> Problem:
        """Read what :meth:`sections` returned."""
        settings = json.loads(str(sections["settings"]["json"]))
        return cls(settings, sections.get("exact", {}), sections.get("close", {}))


def _difference(name: str, stored: Array | None, now: Array, rtol: float) -> list[str]:
    if stored is None:
        return []  # a functional that is not there: the list of names says so
    if stored.shape != now.shape:
        return [f"{name} (stored shape {stored.shape}, now {now.shape})"]
    scale = np.nanmax(np.abs(now), initial=0.0, where=np.isfinite(now))
    differ = ~np.isclose(stored, now, rtol=0.0, atol=rtol * scale, equal_nan=True)
    if not differ.any():
        return []
    first = tuple(int(i) for i in np.argwhere(differ)[0])
    return [
        f"{name} ({int(differ.sum())} of {now.size} values, the first at index {first}: "
        f"stored {stored[first]:.10g}, now {now[first]:.10g})"
    ]


class Store:
    """The folder of a run: made if it is not there, refused if it belongs to another run.

    Parameters
    ----------
    path : path-like
        The folder. Nothing but an m4dl store is ever opened, and nothing is ever deleted.
    problem : Problem
        What is to be sampled.
    shape : tuple of int or None
        (chains, draws, D) of the arrays of draws; None to keep no draws (moments live in the
        checkpoint).
    provenance : dict
        Saved with a new store.

    Attributes
    ----------
    provenance : dict
        That of the session which made the store.
    resumed : list of dict
        That of every later session. Saved with each checkpoint.
    theta, log_likelihood : zarr.Array
        The draws (chains, draws, D) and (chains, draws), if draws are kept.

    Raises
    ------
    ImportError
        Without zarr.
    ValueError
        If the path holds something else, a damaged store or a different run; the message says what
        differs.
    OSError
        If the store cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        problem: Problem,
        shape: tuple[int, int, int] | None,
        provenance: dict[str, Any],
    ) -> None:
        zarr = _zarr()
        self.path = Path(path)
        self.resumed: list[dict[str, Any]] = []
        self._state = self.path / "checkpoint" / "state.npz"
        self._unsynced: list[Path] = []
        with _writing(self.path):
            empty = not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir()))
        if empty:
            with _writing(self.path):
                self._create(problem, shape, provenance)
        self.provenance = self._identify()
        stored = Problem.from_sections(_load(self.path / "checkpoint" / "problem.npz"))
        if different := problem.differences(stored):
            raise ValueError(
                f"the store {self.path} belongs to a different run: {'; '.join(different)}. "
                "It is left as it is; choose another path"
            )
        if shape is not None:
            group = zarr.open_group(self.path, mode="r+")
            self.theta, self.log_likelihood = group["theta"], group["log_likelihood"]

    def _create(
        self, problem: Problem, shape: tuple[int, int, int] | None, provenance: dict[str, Any]
    ) -> None:
        """Build the store aside and rename it: a kill leaves nothing, or a whole store."""
        aside = self.path.with_name(f".{self.path.name}-{uuid.uuid4().hex}")
        try:
            aside.mkdir(parents=True)
            attributes = {"m4dl_format": FORMAT, "provenance": provenance}
            group = _zarr().open_group(aside, mode="w", zarr_format=3, attributes=attributes)
            group.create_group("checkpoint")
            if shape is not None:
                chains, _, size = shape
                length = chunk_length(chains, size)
                names = ("chain", "draw", "parameter")
                common: dict[str, Any] = {"dtype": "float64", "fill_value": np.nan}
                group.create_array(
                    "theta", shape=shape, chunks=(1, length, size), dimension_names=names, **common
                )
                group.create_array(
                    "log_likelihood",
                    shape=shape[:2],
                    chunks=(chains, length),
                    dimension_names=names[:2],
                    **common,
                )
            _save(aside / "checkpoint" / "problem.npz", problem.sections())
            aside.rename(self.path)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise

    def _identify(self) -> dict[str, Any]:
        try:
            attributes = json.loads((self.path / "zarr.json").read_text())["attributes"]
            found, provenance = attributes["m4dl_format"], attributes["provenance"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.path} exists and is not an m4dl store; it is left as it is, "
                "choose another path"
            ) from error
        if found != FORMAT:
            raise ValueError(f"{self.path} has store format {found}; this m4dl reads {FORMAT}")
        return dict(provenance)

    def load(self) -> Sections | None:
        """Return the last checkpoint; None if there is none yet."""
        if not self._state.exists():
            return None
        sections = _load(self._state)
        self.resumed = json.loads(str(sections.pop("store")["resumed"]))
        return sections

    def save(self, sections: Sections) -> None:
        """Write a checkpoint, after what it relies on has reached the disk."""
        with _writing(self.path):
            for file in self._unsynced:
                _fsync(file)
            self._unsynced.clear()
            own = {"resumed": np.array(json.dumps(self.resumed))}
            _save(self._state, {**sections, "store": own})

    def resize(self, draws: int) -> None:
        """Give the arrays room for so many draws, if they have not."""
        with _writing(self.path):
            for array in (self.theta, self.log_likelihood):
                if array.shape[1] != draws:
                    array.resize((array.shape[0], draws, *array.shape[2:]))

    def write(self, theta: Array, log_likelihood: Array, start: int) -> None:
        """Write the chunk of draws, (chains, n, D) and (chains, n), that begins at ``start``."""
        stop = start + theta.shape[1]
        with _writing(self.path):
            self.theta[:, start:stop] = theta
            self.log_likelihood[:, start:stop] = log_likelihood
        chunk = str(start // self.theta.chunks[1])
        folders = [self.path / "theta" / "c" / str(k) / chunk / "0" for k in range(len(theta))]
        self._unsynced += [*folders, self.path / "log_likelihood" / "c" / "0" / chunk]


class StoreRecorder:
    """Stream draws to a store.

    Parameters
    ----------
    store : Store
        Where to.
    chains, size : int
        Number of chains and of parameters D.
    """

    def __init__(self, store: Store, chains: int, size: int) -> None:
        self._store = store
        self._chunks = Chunks(chains, size, store.theta.chunks[1], store.write)
        self.add: Callable[[Array, Array], None] = self._chunks.add
        self.state, self.restore = self._chunks.state, self._chunks.restore

    @property
    def done(self) -> int:
        """Number of draws recorded per chain."""
        return self._chunks.done

    def close(self) -> None:
        """Write the chunk that is not full; it stays pending too, for the run may be extended."""
        self._store.resize(self.done)
        theta, log_likelihood, start = self._chunks.pending
        if theta.shape[1]:
            self._store.write(theta, log_likelihood, start)

    def result(self, **metadata: Any) -> Draws:
        """Return the draws, with ``theta`` left on disk, where nobody writes through it."""
        log_likelihood = np.asarray(self._store.log_likelihood[:])
        theta = _zarr().open_group(str(self._store.path), mode="r")["theta"]
        return Draws(theta, log_likelihood, **metadata)


def stored_problem(path: str | os.PathLike[str]) -> Problem | None:
    """Return what the store at ``path`` samples; None if there is no store, or none that reads."""
    file = Path(path) / "checkpoint" / "problem.npz"
    try:
        return Problem.from_sections(_load(file)) if file.exists() else None
    except (ValueError, KeyError, OSError):
        return None  # Store says what is wrong with it


def _zarr() -> Any:
    try:
        import zarr
    except ImportError as error:
        raise ImportError("store= needs zarr: pip install 'm4dl[zarr]'") from error
    return zarr


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"cannot write the store {path}: {error}") from error


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _save(path: Path, sections: Sections) -> None:
    """Replace ``path`` in one step by the arrays, named section/key."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    arrays = {f"{name}/{key}": v for name, part in sections.items() for key, v in part.items()}
    with aside.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
    if os.name == "posix":
        _fsync(path.parent)  # the rename itself


def _load(path: Path) -> Sections:
    sections: Sections = {}
    try:
        # opened here, for np.load leaves a damaged file open
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            for name in file.files:
                section, key = name.split("/", 1)
                sections.setdefault(section, {})[key] = file[name]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is damaged ({error}); the store is left as it is, choose another path"
        ) from error
    return sections
