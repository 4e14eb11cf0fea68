"""A process that is the viewer's alone."""

from __future__ import annotations

import gc

# A batch of spans is some 10,000 objects, which live until it is stored. By default Python would
# look through what lives after each 700.
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50


def own_process() -> None:
    """Let Python look for garbage less often: call it once the viewer has started.

    It is for a process that does nothing else, such as ``otelml view``: what a process looks
    through is its own choice. What was imported by then is never looked through again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
