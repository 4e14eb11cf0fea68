"""Writes what the simulations of missing labels and the estimates on real data found.

``python -m benchmarks.quality_calibration`` runs all of it in a minute or two and writes the page.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import quality_estimated, quality_missing
from benchmarks.quality_missing import DAYS, LOANS, ROWS, RUNS

PAGE = Path("docs/quality-calibration.md")
DROP = 0.08
_MINUS, _NONE = "\u2212", "\u2013"
_NAMES = {
    "young": "predictions of the last 90 days",
    "all": "all labels that have come",
    "mature 95": "the cohort of which 95 % have come",
    "mature 99": "the cohort of which 99 % have come",
}


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", _MINUS)


def missing_rows(runs: int = RUNS) -> list[str]:
    """Return the rows of the table of labels that are missing."""
    selective, uneven = quality_missing.selective(runs), quality_missing.uneven(runs)
    return [
        (
            "| labels of approved applications only | plain accuracy | "
            f"{_signed(selective['off'])} | {_NONE} |"
        ),
        f"| | bounds | {selective['width']:.3f} wide | {_percent(selective['held'])} |",
        (
            "| few labels of rejected and unsure ones | plain accuracy | "
            f"{_signed(uneven['off'])} | {_percent(uneven['plain_held'])} |"
        ),
        (
            f"| | weighted accuracy | {_signed(uneven['weighted_off'])} | "
            f"{_percent(uneven['weighted_held'])} |"
        ),
    ]


def late_rows(runs: int = RUNS) -> list[str]:
    """Return the rows of the table of labels that are late."""
    same = quality_missing.late(runs)
    worse = quality_missing.late(runs, seed=4, drop=DROP)
    rows = [
        f"| {words} | {_signed(same[name]['off'])} | {_percent(same[name]['held'])}"
        f" | {_percent(same[name]['alarm'])} | {_percent(same[name]['classic'])}"
        f" | {_percent(worse[name]['alarm'])} |"
        for name, words in _NAMES.items()
    ]
    end = f" | {_NONE}" * 3 + " |"
    held = min(same["bounds"]["held"], worse["bounds"]["held"])
    return [*rows, f"| bounds of all, rejected ones too | {_NONE} | {_percent(held)}{end}"]


def estimate_rows() -> list[str]:
    """Return the rows of the table of estimates on real data."""
    return [
        f"| {name} | {change} | {of.estimated:.3f} | {of.true:.3f} | {of.error:.3f} "
        f"| {of.worst:.3f} |"
        for name in quality_estimated.CHANGES
        for change, of in quality_estimated.estimates(name).items()
    ]


def page(runs: int = RUNS) -> str:
    """Return the page."""
    return "\n".join(
        [
            "# How far quality can be trusted",
            "",
            (
                "Measured by `python -m benchmarks.quality_calibration`; the tests "
                "compare. What the functions do is in [quality](quality.md)."
            ),
            "",
            "## Labels that are missing",
            "",
            (
                f"{runs:,} runs of {ROWS:,} loan applications, 62 % of them approved; a "
                "rejection is less often right than its confidence says. *Off* is the "
                "mean distance from the accuracy of all, *held* the share of runs whose"
                " interval (or bounds) holds it."
            ),
            "",
            "| labels | measure | off | held |",
            "|---|---|---|---|",
            *missing_rows(runs),
            "",
            (
                "Where a whole class has no label, no weighting mends it: `weighted` "
                "says which share it does not reach, and the bounds are all that can be"
                " said. Where every class and band has some, weighting by the inverse "
                "of coverage is right."
            ),
            "",
            "## Labels that are late",
            "",
            (
                f"{runs:,} runs of {LOANS:,} loans over {DAYS:.0f} days. Approved ones "
                "get a label: a default after 40 days on average, a repayment after "
                "120. *Alarm*: the whole 95 % interval lies beneath the accuracy of the"
                " long run; by chance alone that is 2.5 %."
            ),
            "",
            (
                "| accuracy of | off | held | false alarm | false alarm, drop > 0.05 | "
                f"alarm when it is worse by {DROP} |"
            ),
            "|---|---|---|---|---|---|",
            *late_rows(runs),
            "",
            (
                "A young cohort looks bad because bad news comes first. A mature one is"
                " as old as the age by which 95 or 99 % of the labels of its class "
                "come, by Kaplan and Meier's curve; it finds a true drop, and no alarm "
                "of it comes from immaturity beyond the few that chance and the last "
                "labels explain."
            ),
            "",
            "## Estimates without labels",
            "",
            (
                "Estimated accuracy (`cbpe`) against that of the labels. Half of the "
                "data is learned by a logistic regression, the other half served; means"
                " over 5 splits of the digits and 20 of the patients. *Error* is the "
                "mean distance, *worst* the largest."
            ),
            "",
            "| data | change | estimated | true | error | worst |",
            "|---|---|---|---|---|---|",
            *estimate_rows(),
            "",
            (
                "Other rows of the same kind, and small errors, are seen. Inputs unlike"
                " any that were learned make the model too sure, so the estimate falls "
                "less than the truth. A change of meaning is not seen at all: only "
                "labels show it."
            ),
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
