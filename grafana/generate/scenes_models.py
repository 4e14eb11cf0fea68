"""Unit tests of the alerts on predictions, services and hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana.generate import foreign
from grafana.generate.alert import Severity
from grafana.generate.scenes import MODEL, Fired, Scene, named, series
from otelml import semconv

_WHO: Final = "loan version 1 of loan-api"
_DURATION: Final = semconv.ML_PREDICTION_DURATION
_FAILED: Final = {**MODEL, semconv.ERROR_TYPE: "ValueError"}


def _fired(severity: Severity, summary: str, description: str) -> Fired:
    return Fired(severity, named(MODEL), summary, description)


def _outcomes(good: int, bad: int) -> dict[str, str]:
    """Return an hour in which so many predictions a minute succeed and fail."""
    return {
        series(_DURATION, MODEL, "count"): f"0+{good}x60",
        series(_DURATION, _FAILED, "count"): f"0+{bad}x60",
    }


def _durations(quick: int, slow: int) -> dict[str, str]:
    """Return an hour in which so many predictions a minute take below 0.5 s and 2.5 to 5 s."""
    whole = f"0+{quick + slow}x60"
    bounds = {"0.5": f"0+{quick}x60", "2.5": f"0+{quick}x60", "5": whole, "+Inf": whole}
    buckets = {
        series(_DURATION, {**MODEL, "le": bound}, "bucket"): values
        for bound, values in bounds.items()
    }
    return {**buckets, series(_DURATION, MODEL, "count"): whole}


def _rates() -> list[Scene]:
    high, slow = "PredictionFailureRateHigh", "PredictionLatencyHigh"
    return [
        Scene(
            high,
            "one prediction in five fails",
            _outcomes(80, 20),
            "10m",
            [
                _fired(
                    "critical",
                    f"20% of predictions of {_WHO} fail",
                    "20% of predictions failed over 5 minutes; the limit is 10%.",
                )
            ],
        ),
        Scene(high, "one prediction in twenty fails", _outcomes(95, 5), "10m"),
        Scene(high, "all fail, but only for half a minute so far", _outcomes(0, 10), "1m30s"),
        Scene(
            slow,
            "one prediction in ten takes more than 2.5 s",
            _durations(90, 10),
            "10m",
            [
                _fired(
                    "warning",
                    f"{_WHO} is slow: p95 is 3.75s",
                    "95 % of predictions end within 3.75s; the limit is 2 s. Measured over 5 "
                    "minutes.",
                )
            ],
        ),
        Scene(slow, "one prediction in a hundred does", _durations(99, 1), "10m"),
    ]


def _burn(severities: Sequence[Severity], share: str, what: str, allows: str) -> list[Fired]:
    text = f"{share} of predictions {what} over the longer window; the objective allows {allows}."
    pace = {"critical": "fast", "warning": "too fast to last"}
    return [
        _fired(severity, f"{_WHO} burns its error budget {pace[severity]}", text)
        for severity in severities
    ]


def _budgets() -> list[Scene]:
    errors, slow = "PredictionErrorBudgetBurn", "PredictionLatencyBudgetBurn"
    late = "took longer than 0.5 s"
    return [
        Scene(
            errors,
            "a tenth fails: 20 times the budget",
            _outcomes(90, 10),
            "40m",
            _burn(("critical", "warning"), "10%", "failed", "0.5%"),
        ),
        Scene(
            errors,
            "a fiftieth fails: 4 times the budget",
            _outcomes(98, 2),
            "40m",
            _burn(("warning",), "2%", "failed", "0.5%"),
        ),
        Scene(errors, "two in a thousand fail", _outcomes(998, 2), "40m"),
        Scene(
            slow,
            "a fifth is late: 20 times the budget",
            _durations(80, 20),
            "40m",
            _burn(("critical", "warning"), "20%", late, "1.0%"),
        ),
        Scene(
            slow,
            "a twentieth is late: 5 times the budget",
            _durations(95, 5),
            "40m",
            _burn(("warning",), "5%", late, "1.0%"),
        ),
        Scene(slow, "five in a thousand are late", _durations(995, 5), "40m"),
    ]


def _cost(source: str = semconv.COST_HOURLY_RATE, instance: str = "a") -> str:
    service = {foreign.SERVICE: MODEL[foreign.SERVICE], foreign.INSTANCE: instance}
    return series(semconv.ML_COST, {**service, semconv.ML_COST_SOURCE: source})


def _costs(amount: str) -> Fired:
    return _fired(
        "warning",
        f"1,000 predictions of {_WHO} cost {amount}",
        f"1,000 predictions cost {amount} over the last hour, in the currency of the cost "
        "metric; the budget is 1.",
    )


def _traffic() -> list[Scene]:
    rows = series(semconv.ML_PREDICTIONS, {**MODEL, semconv.ML_PREDICTION_LABEL: "approved"})
    time = series(_DURATION, MODEL, "sum")
    other = series(_DURATION, {**MODEL, semconv.ML_MODEL_NAME: "fraud"}, "sum")
    silent, dear = "NoPredictions", "PredictionCostHigh"

    def stopped(count: int) -> list[Fired]:
        return [
            _fired(
                "critical",
                f"{_WHO} has stopped predicting",
                f"There were {count} predictions in the hour before, and none in the last 10 "
                "minutes.",
            )
        ]

    return [
        Scene(silent, "predictions end", {rows: "0+10x60 600x40"}, "80m", stopped(498)),
        Scene(
            silent,
            "the service is gone",
            {rows: "0+10x60 stale"},
            "80m",
            stopped(505),
        ),
        Scene(silent, "predictions go on", {rows: "0+10x100"}, "80m"),
        Scene(silent, "there never were any", {rows: "0x100"}, "80m"),
        Scene(silent, "a pause of five minutes", {rows: "0+10x60 600x5 600+10x40"}, "80m"),
        Scene(
            dear,
            "2 a thousand",
            {rows: "0+1000x90", time: "0+10x90", _cost(): "0+2x90"},
            "60m",
            [_costs("2")],
        ),
        Scene(
            dear,
            "two processes at a rate, and a bill that both have read",
            {
                rows: "0+1000x90",
                time: "0+10x90",
                _cost(instance="a"): "0+0.5x90",
                _cost(instance="b"): "0+0.5x90",
                _cost(semconv.COST_AWS, "a"): "0+0.5x90",
                _cost(semconv.COST_AWS, "b"): "0+0.5x90",
            },
            "60m",
            [_costs("1.5")],
        ),
        Scene(
            dear,
            "a process that had read the bill is replaced",
            {
                rows: "0+1000x100",
                time: "0+10x100",
                _cost(semconv.COST_AWS, "a"): "0+1.6x60 stale",
                _cost(semconv.COST_AWS, "b"): "_x61 0+1.6x40",
            },
            "90m",
            [_costs("1.587")],
        ),
        Scene(
            dear,
            "half of 1 a thousand",
            {rows: "0+1000x90", time: "0+10x90", _cost(): "0+0.5x90"},
            "60m",
        ),
        Scene(
            dear,
            "another model takes three quarters of the time",
            {rows: "0+1000x90", time: "0+10x90", other: "0+30x90", _cost(): "0+2x90"},
            "60m",
        ),
        Scene(
            dear,
            "no predictions, so no price of one",
            {rows: "0x90", time: "0x90", _cost(): "0+2x90"},
            "60m",
        ),
    ]


def _machines() -> list[Scene]:
    process = {foreign.SERVICE: "loan-api", foreign.INSTANCE: "7f3a"}
    usage = series(foreign.PROCESS_CPU_UTILIZATION, process)
    host = {foreign.SERVICE: foreign.HOST, foreign.INSTANCE: "node-1", "state": "idle"}
    idle = series(foreign.SYSTEM_CPU, host)
    own = series(foreign.SYSTEM_CPU, {**process, "state": "idle", "cpu": "1"})
    busy, full = "ProcessCpuHigh", "HostCpuHigh"
    return [
        Scene(
            busy,
            "nine tenths of all cores",
            {usage: "0.9x20"},
            "3m",
            [
                Fired(
                    "warning",
                    process,
                    "loan-api uses 90% of its machine's CPU",
                    "Process 7f3a uses 90% of all cores; the limit is 80% for 1 minute.",
                )
            ],
        ),
        Scene(busy, "half of all cores", {usage: "0.5x20"}, "3m"),
        Scene(busy, "only for a moment", {usage: "0.5 0.5 0.9x0 0.5x10"}, "4m"),
        Scene(
            full,
            "nine tenths busy",
            {idle: "0.1x20"},
            "3m",
            [
                Fired(
                    "warning",
                    {foreign.INSTANCE: "node-1"},
                    "CPU of host node-1 is 90% busy",
                    "All cores together are 90% busy; the limit is 80% for 1 minute.",
                )
            ],
        ),
        Scene(
            full,
            "half busy; one core of a service's view is not the host",
            {idle: "0.5x20", own: "0x20"},
            "3m",
        ),
    ]


def _http() -> list[Scene]:
    def requests(good: int, bad: int) -> dict[str, str]:
        labels = {foreign.SERVICE: "loan-api", foreign.ROUTE: "/predict"}
        return {
            series(foreign.HTTP_DURATION, {**labels, foreign.STATUS: status}, "count"): f"0+{n}x60"
            for status, n in (("200", good), ("422", 50), ("500", bad))
        }

    name = "HttpFailureRateHigh"
    return [
        Scene(
            name,
            "a quarter is answered 500",
            requests(25, 25),
            "10m",
            [
                Fired(
                    "critical",
                    {foreign.SERVICE: "loan-api"},
                    "25% of requests to loan-api fail",
                    "25% of HTTP requests were answered 5xx over 5 minutes; the limit is 10%.",
                )
            ],
        ),
        Scene(name, "half is answered 4xx, a hundredth 500", requests(49, 1), "10m"),
    ]


def scenes() -> list[Scene]:
    """Return them."""
    return [*_rates(), *_budgets(), *_traffic(), *_machines(), *_http()]
