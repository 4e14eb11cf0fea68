"""A service whose every row has a label of its own; prints at its end what became of that."""

from __future__ import annotations

import json
import sys
import time

import otelml

BATCHES, ROWS = int(sys.argv[1]), int(sys.argv[2])
_WAITING = 8


def main() -> None:
    """Predict in batches, as fast as telemetry keeps up; nothing may be dropped here."""
    telemetry = otelml.init(instrument="none", system=False)
    for batch in range(BATCHES):
        with otelml.prediction("free-text", version="1") as prediction:
            prediction.set_result(label=[f"label {batch * ROWS + row}" for row in range(ROWS)])
        while telemetry.status()["worker"]["waiting"] > _WAITING:
            time.sleep(0.01)
    telemetry.shutdown(timeout_s=60)
    json.dump(telemetry.status(), sys.stdout, default=str)


if __name__ == "__main__":
    main()
