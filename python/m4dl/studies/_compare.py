"""``compare_kernels``: the table that the literature prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._base.callback import Functional, check_functionals
from .._base.defined import defined
from .._base.fixed import Fixed
from .._base.names import parameter_name
from .._base.plain import plain
from .._base.validate import Array
from ..kernels import Kernel
from ..posterior import Posterior, check_posterior
from ..results import Draws, diagnostics
from ..sampling import sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = {
    "step size": ("step_size", "{:.3g}"),
    "acc": ("acceptance", "{:.2f}"),
    "R-hat": ("rhat", "{:.3f}"),
    "worst ESS": ("ess", "{:,.0f}"),
    "batch ESS": ("ess_batch", "{:,.0f}"),
    "solves/step": ("solves_per_step", "{:.3g}"),
    "per 1,000 steps": ("per_1000_steps", "{:.3g}"),
    "per 1,000 solves": ("per_1000_solves", "{:.3g}"),
    "per s": ("per_second", "{:.3g}"),
    "worst": ("worst", "{}"),
}


@dataclass(frozen=True)
class Comparison(Fixed):
    """What :func:`compare_kernels` found. ``print`` it, or take ``rows``.

    Attributes
    ----------
    rows : dict of dict
        For each kernel, by its name: mean ``step_size`` and ``acceptance``, largest ``rhat``; the
        quantity with the fewest effective draws as ``worst``, its ``ess`` (bulk) and ``ess_batch``
        over all chains; and that ``ess`` per 1,000 steps of a chain, per 1,000 linear solves (a
        potential is one, its gradient another) and per second of sampling. Solves are those of
        ``posterior``; ``coarse_per_solve`` is how many coarse ones delayed acceptance adds to each.
    draws : dict of Draws
    """

    rows: dict[str, dict[str, Any]]
    draws: dict[str, Draws]

    def to_dict(self) -> dict[str, Any]:
        """Return the rows, ready for JSON."""
        out: dict[str, Any] = plain(self.rows)
        return out

    def plot(self) -> Figure:
        """Draw effective draws per 1,000 solves and per second; see `m4dl.plot.efficiency`."""
        from ..plot import efficiency

        return efficiency(self.rows)

    def __str__(self) -> str:
        columns = _COLUMNS
        if any(row["coarse_per_solve"] for row in self.rows.values()):
            coarse = {"coarse/solve": ("coarse_per_solve", "{:.3g}")}
            items = list(_COLUMNS.items())
            at = list(_COLUMNS).index("solves/step") + 1
            columns = dict([*items[:at], *coarse.items(), *items[at:]])
        head = ["kernel", *columns]
        body = [
            [name, *(form.format(row[key]) for key, form in columns.values())]
            for name, row in self.rows.items()
        ]
        widths = [max(len(line[k]) for line in [head, *body]) for k in range(len(head))]

        def line(cells: Sequence[str]) -> str:
            padded = [cells[0].ljust(widths[0])]
            padded += [c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True)]
            return "  ".join(padded)

        return "\n".join(line(cells) for cells in [head, *body])

    __repr__ = __str__


def compare_kernels(
    posterior: Posterior,
    kernels: Sequence[Kernel] | Mapping[str, Kernel],
    *,
    functionals: Mapping[str, ArrayLike | Functional] | None = None,
    seed: int,
    draws: int = 1000,
    warmup: int = 500,
    chains: int = 8,
    thin: int = 1,
    start: str | ArrayLike | None = None,
    threads: int = 0,
    progress: bool = True,
) -> Comparison:
    """Sample one posterior with several kernels, and compare effective draws for the same work.

    Parameters
    ----------
    posterior : Posterior
    kernels : sequence of kernels, or dict of str to kernel
        A sequence names them by their class, and numbers those that share one.
    functionals : dict of str to (D,) array or callable, optional
        What to judge by, beside the log-likelihood; by default every parameter.
    seed, draws, warmup, chains, thin, start, threads, progress
        As for :func:`m4dl.sample`, the same for all kernels: chains start at the same places and
        see the same random numbers. Warmup, and the search for a start and a metric, are not
        counted.

    Returns
    -------
    Comparison
        ``comparison.plot()`` draws it.

    Raises
    ------
    ValueError, TypeError
        All that :func:`m4dl.sample` raises, and for a functional that is NaN or infinite in some
        draws.
    """
    check_posterior(posterior)
    named = _named(kernels)
    if functionals is not None:
        functionals = check_functionals(
            functionals, posterior.prior.push(np.zeros((2, posterior.white)))
        )
    runs = {
        name: sample(
            posterior,
            kernel,
            draws=draws,
            warmup=warmup,
            chains=chains,
            seed=seed,
            thin=thin,
            start=start,
            threads=threads,
            progress=progress,
        )
        for name, kernel in named.items()
    }
    return Comparison({name: _row(run, functionals) for name, run in runs.items()}, runs)


def _named(kernels: Sequence[Kernel] | Mapping[str, Kernel]) -> dict[str, Kernel]:
    if isinstance(kernels, Mapping):
        named = dict(kernels)
    else:
        if not isinstance(kernels, Sequence) or isinstance(kernels, str):
            raise TypeError(f"kernels must be a list or a dict of kernels, got {kernels!r:.60}")
        labels = [type(kernel).__name__ for kernel in kernels]
        named = {}
        for k, (label, kernel) in enumerate(zip(labels, kernels, strict=True)):
            again = labels.count(label) > 1
            named[f"{label} {labels[: k + 1].count(label)}" if again else label] = kernel
    if not named:
        raise ValueError("kernels must hold at least one kernel, got none")
    return named


def _row(run: Draws, functionals: Mapping[str, ArrayLike | Functional] | None) -> dict[str, Any]:
    names = ["log_likelihood"]
    found = [diagnostics.summarise(run.log_likelihood)]
    if functionals is None:
        names += [parameter_name(run.names, i) for i in range(run.parameters)]
        found.append(diagnostics.summarise(run.theta))
    else:
        for name, of in functionals.items():
            names.append(name)
            values = defined(f"functionals[{name!r}]", run.functional(of))
            found.append(diagnostics.summarise(values))

    def column(key: str) -> Array:
        return np.concatenate([np.atleast_1d(part[key]) for part in found])

    bulk = column("ess_bulk")
    # what never moves has no size: it is left out, unless nothing else is there
    worst = int(np.nanargmin(bulk)) if np.isfinite(bulk).any() else 0
    ess = float(bulk[worst])
    rhat = column("rhat")
    steps = run.draws * run.thin
    solves = float(run.solves or 0)
    return {
        "step_size": float(run.step_size.mean()),
        "acceptance": float(run.acceptance.mean()),
        "rhat": float(np.nanmax(rhat)) if np.isfinite(rhat).any() else float("nan"),
        "worst": names[worst],
        "ess": ess,
        "ess_batch": float(column("ess_batch")[worst]),
        "solves_per_step": solves / steps,
        "coarse_per_solve": (run.coarse_solves or 0) / solves if solves else 0.0,
        "per_1000_steps": 1000 * ess / (run.chains * steps),
        "per_1000_solves": 1000 * ess / (run.chains * solves) if solves else float("nan"),
        "per_second": ess / run.seconds if run.seconds else float("nan"),
    }
