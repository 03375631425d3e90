"""What ``m4dl demo`` runs: three inverse problems, from data to figures, with nothing left out.

Each demo is one file with a ``run(settings)``. It draws figures, so it needs matplotlib:
``pip install 'm4dl[demo]'``.
"""

from ._table import DEMOS, Demo
from .settings import FEWEST_DRAWS as FEWEST_DRAWS
from .settings import FEWEST_WARMUP as FEWEST_WARMUP
from .settings import Settings

__all__ = ["DEMOS", "Demo", "Settings"]
