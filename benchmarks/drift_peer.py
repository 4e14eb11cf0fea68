"""Another tool's check of drift, in an environment of its own: a window per line of stdin.

``python drift_peer.py NAME``; a line names a ``.npz`` file with ``reference`` and ``current``, and
its answer is JSON: the CPU seconds of the check and the columns that it found to have drifted.
What a tool can do once for a reference is outside the time.
"""

from __future__ import annotations

import json
import sys
import time
import warnings


def _frames(path):
    import numpy as np
    import pandas as pd

    found = np.load(path)
    names = [f"x{place}" for place in range(found["reference"].shape[1])]
    return [pd.DataFrame(found[side], columns=names) for side in ("reference", "current")]


def _evidently(reference, current):
    from evidently import Report
    from evidently.presets import DataDriftPreset

    def run():
        return Report([DataDriftPreset()]).run(current, reference).dict()

    def drifted(found):
        count = next(m for m in found["metrics"] if "DriftedColumnsCount" in m["metric_name"])
        return int(count["value"]["count"])

    return run, drifted


def _nannyml(reference, current):
    import nannyml

    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(reference.columns),
        continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"],
        chunk_size=min(len(current), len(reference) // 6),
    )
    calculator.fit(reference)

    def run():
        return calculator.calculate(current)

    def drifted(found):
        table = found.filter(period="analysis").to_df()
        alerts = [c for c in table.columns if c[-1] == "alert" and c[1] == "jensen_shannon"]
        return int(sum(bool(table[c].any()) for c in alerts))

    return run, drifted


def _frouros(reference, current):
    from frouros.detectors.data_drift import KSTest

    detectors = []
    for name in reference.columns:
        detector = KSTest()
        detector.fit(X=reference[name].to_numpy())
        detectors.append((name, detector))

    def run():
        return [d.compare(X=current[name].to_numpy())[0].p_value for name, d in detectors]

    return run, lambda found: int(sum(p < 0.05 for p in found))


def main() -> None:
    """Answer until stdin ends."""
    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr
    peer = {"evidently": _evidently, "nannyml": _nannyml, "frouros": _frouros}[sys.argv[1]]
    known = {}
    for line in sys.stdin:
        path = line.strip()
        if path not in known:
            known[path] = peer(*_frames(path))
        run, drifted = known[path]
        started = time.process_time()
        found = run()
        taken = time.process_time() - started
        print(json.dumps({"seconds": taken, "drifted": drifted(found)}), file=answers, flush=True)


if __name__ == "__main__":
    main()
