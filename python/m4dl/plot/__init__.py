"""Pictures, of arrays. They need matplotlib: ``pip install 'm4dl[plot]'``.

Nothing here touches pyplot or its global state: a function draws on the ``ax`` it is given, or on a
new ``Figure`` of its own, which has ``savefig`` and is shown by notebooks. Runs and their results
draw themselves by methods such as ``draws.plot_fields()``.
"""

from ._chains import histogram, trace
from ._fields import field, fields
from ._figures import efficiency, spectrum

__all__ = ["efficiency", "field", "fields", "histogram", "spectrum", "trace"]
