"""What was sampled and how, in a form that is saved and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._base.callback import Functional, functional_values
from .._base.describe import leaves
from .._base.files import Sections
from .._base.validate import Array
from ..kernels import Kernel
from ..posterior import Posterior


@dataclass(frozen=True)
class Problem:
    """What was sampled and how: everything that must agree for a run to be continued.

    Attributes
    ----------
    settings : dict
        Values that are compared exactly, by name.
    exact, close : dict of str to ndarray
        Arrays that are compared bit for bit, and to a relative 1e-9 of their largest entry.
    described : dict of str to str
        The arguments of model and prior in a few words each, by name; empty in old stores.
    """

    settings: dict[str, Any]
    exact: dict[str, Array]
    close: dict[str, Array]
    described: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        posterior: Posterior,
        kernel: Kernel | None,
        start: Array,
        functionals: Mapping[str, Array | Functional],
        settings: dict[str, Any],
    ) -> Problem:
        """Describe a run: model and prior by their arguments, and by values at two fixed points.

        Functions that have no name are in those values alone.
        """
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
                close[label] = functional_values(label, functional, theta)
            else:
                exact[label] = functional
        described = _arguments(posterior)
        if coarse is not None:
            described |= {f"coarse {name}": text for name, text in _arguments(coarse).items()}
        return cls({**settings, "functionals": list(functionals)}, exact, close, described)

    def differences(self, stored: Problem) -> list[str]:
        """Say in words what is different in a stored problem."""
        out = [
            f"{name} (stored {stored.settings.get(name)}, now {value})"
            for name, value in self.settings.items()
            if stored.settings.get(name) != value
        ]
        if stored.described:
            out += [
                f"{name} (stored {stored.described.get(name)}, now {self.described.get(name)})"
                for name in sorted({*self.described, *stored.described})
                if stored.described.get(name) != self.described.get(name)
            ]
        for name, now in self.exact.items():
            out += _difference(name, stored.exact.get(name), now, 0.0)
        for name, now in self.close.items():
            # the potential is a matter of the model only if all else that enters it agrees
            if any(d.startswith(f"{name}.") for d in out):
                continue  # the arguments say it
            level = name.removesuffix("model")
            enters = tuple(f"{level}{part}" for part in ("data", "noise", "prior"))
            if not name.endswith("model") or not any(d.startswith(enters) for d in out):
                out += _difference(name, stored.close.get(name), now, 1e-9)
        return out

    def sections(self) -> Sections:
        """Return the problem in the form in which it is saved."""
        text = {"json": np.array(json.dumps(self.settings))}
        described = {"json": np.array(json.dumps(self.described))}
        return {
            "settings": text,
            "exact": self.exact,
            "close": self.close,
            "described": described,
        }

    @classmethod
    def from_sections(cls, sections: Sections) -> Problem:
        """Read what :meth:`sections` returned."""
        settings = json.loads(str(sections["settings"]["json"]))
        text = sections.get("described", {}).get("json")
        described = {} if text is None else json.loads(str(text))
        return cls(settings, sections.get("exact", {}), sections.get("close", {}), described)


def _arguments(posterior: Posterior) -> dict[str, str]:
    """Return the arguments of model and prior; data and noise are compared by themselves."""
    return {
        name: text for name, text in leaves(posterior) if not name.startswith(("data", "noise"))
    }


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
