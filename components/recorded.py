"""How much of the Python stack the engine records of each resource: the frames that tell where it comes from.

The SDK sends the whole stack of each constructor: thirty frames, of which twenty are the runtime's own and the same for
all.  The engine writes them into its state at each checkpoint, which was a tenth of what an `up` took.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_OF_THE_SDK = 6
"""Innermost frames that the SDK takes off again: from a resource's constructor to where it looks at the stack."""
_OURS = 3
"""Those that stay: as far as the program's own line for most resources."""


@contextmanager
def few_frames() -> Iterator[None]:
    """Have resources that are made inside of this recorded with the frames that are ours.

    The SDK names no option for it; it asks ``traceback``, which heeds ``sys.tracebacklimit``.  An exception's own
    traceback is printed outside of this, and whole.
    """
    before = getattr(sys, "tracebacklimit", None)
    sys.tracebacklimit = _OF_THE_SDK + _OURS
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before
