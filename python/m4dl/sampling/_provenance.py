"""What a result must carry so that somebody else can obtain it again."""

from __future__ import annotations

import datetime
import platform
from typing import Any

from .. import _core


def provenance(**settings: Any) -> dict[str, Any]:
    """Describe the software, the machine and the settings of a run.

    Parameters
    ----------
    **settings
        What was asked for: seed, kernel, draws, warmup, chains, thin, threads. Copied as they are,
        so they must be values that JSON can hold.

    Returns
    -------
    dict
        ``m4dl``, ``numpy``, ``scipy``, ``python`` (versions), ``platform``, ``build`` (what
        ``m4dl.build_info()`` returns), ``date`` (UTC, ISO 8601, to the second) and the settings.
    """
    from importlib import metadata

    build = dict(_core.build_info())
    return {
        "m4dl": build["version"],
        **{name: metadata.version(name) for name in ("numpy", "scipy")},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "build": build,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **settings,
    }
