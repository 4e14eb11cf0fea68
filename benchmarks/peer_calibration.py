"""False alarms of other tools' defaults, in the windows that the drift rule is calibrated with.

``python -m benchmarks.peer_calibration [ROWS ...]`` writes the lines that
``docs/drift-peers.md`` does not have yet, of all sizes of windows or of some. Each tool looks at
windows without drift, spread over a day; as each window is judged by itself, the mean time to a
false alarm is one divided by the share of windows with one.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.drift_calibration import BUDGET, REFERENCES, ROWS
from benchmarks.drift_data import KINDS, Kind, Table
from benchmarks.drift_peers import PEERS, Peer

_FEATURES = 30
_WINDOWS = 4
_EVERY = 6  # windows are hours: these are spread over a day
_PAGE = Path("docs/drift-peers.md")
_LEFT_OUT = ("in order", "300 levels")


def kinds() -> list[Kind]:
    """Return the kinds of data: the tools know no order, and no levels as numbers."""
    return [kind for kind in KINDS if not any(word in kind.name for word in _LEFT_OUT)]


def windows(kind: Kind, rows: int, reference: int) -> Iterator[tuple[Table, Table]]:
    """Yield a reference and windows of the same data."""
    rng = np.random.default_rng([rows, reference, KINDS.index(kind)])
    table = kind.reference(rng, reference, _FEATURES)
    hours = islice(kind.windows(rng, rows, _FEATURES), 0, _WINDOWS * _EVERY, _EVERY)
    for window in hours:
        yield table, window


def alarms(kind: Kind, rows: int, reference: int, folder: Path) -> dict[str, list[int]]:
    """Return, by tool, how many of 30 features it finds to have drifted in each window."""
    found: dict[str, list[int]] = {name: [] for name in PEERS}
    pairs = list(windows(kind, rows, reference))
    for name in PEERS:
        peer = Peer(name, *pairs[0], folder)
        try:
            for table, window in pairs:
                found[name].append(peer.check_of(table, window)["drifted"])
        finally:
            peer.stop()
    return found


def cell(drifted: list[int]) -> str:
    """Return windows to a false alarm ÷ budget: of a model of one feature, and of one of 30."""
    of_one = sum(drifted) / (len(drifted) * _FEATURES)
    of_all = sum(map(bool, drifted)) / len(drifted)
    return " / ".join(
        f"{1 / share / BUDGET:.2f}" if share else f"> {n / BUDGET:.2f}"
        for share, n in ((of_one, len(drifted) * _FEATURES), (of_all, len(drifted)))
    )


def main() -> None:
    """Measure, and write the page line by line."""
    head = [f"{name}, reference {size:,}" for size in REFERENCES for name in PEERS]
    lines = [
        "# False alarms of other tools' defaults",
        "",
        (
            "Made by `python -m benchmarks.peer_calibration`, on the data of the"
            " [calibration of otelml's rule](drift-calibration.md): windows without drift."
        ),
        "",
        (
            f"Mean time to the first false alarm ÷ budget ({BUDGET} windows), of a model of one"
            f" feature / of {_FEATURES}: {_WINDOWS} windows of each kind, {_FEATURES} features"
            " each. At least 0.8 is the promise of otelml's rule; a tool that alarms in every"
            " window has 0.01. Lines that are missing were not measured."
        ),
        "",
        "| data | rows | " + " | ".join(head) + " |",
        "|---|---|" + "---|" * len(head),
    ]
    chosen = [int(one) for one in sys.argv[1:]] or list(ROWS)
    known = _PAGE.read_text("utf-8").splitlines() if _PAGE.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds():
            for rows in ROWS:
                name = f"| {kind.name} | {rows:,} |"
                done = [line for line in known if line.startswith(name)]
                lines += done
                if done or rows not in chosen:
                    continue
                cells = [alarms(kind, rows, size, Path(folder)) for size in REFERENCES]
                shown = [cell(found[name]) for found in cells for name in PEERS]
                lines.append(f"{name} {' | '.join(shown)} |")
                print(lines[-1], flush=True)
                _PAGE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
