"""Faults on request, so that there is something to see: off with ``DEMO_FAULTS=0``.

``X-Demo-Slow: feature_extraction`` (or ``?slow=feature_extraction``) makes the stage really sleep;
``X-Demo-Fail: inference`` (or ``?fail=inference``) makes the model raise.
"""

from __future__ import annotations

import os
import random
import time

from flask import request


class FeatureStoreError(RuntimeError):
    """What a broken dependency of the model raises."""


def inject(stage: str) -> None:
    """Sleep 0.25 to 0.6 s or raise, where the current request asks for it in this stage.

    Raises:
        FeatureStoreError: The request asked for a failure.
    """
    if os.environ.get("DEMO_FAULTS", "1") != "1":
        return
    if _asked("slow") == stage:
        time.sleep(random.uniform(0.25, 0.6))
    if _asked("fail") == stage:
        raise FeatureStoreError(f"{stage} failed, as the request asked")


def _asked(fault: str) -> str | None:
    stage: str | None = request.headers.get(f"X-Demo-{fault.title()}") or request.args.get(fault)
    return stage
