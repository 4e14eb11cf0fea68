"""The dashboard of a service: HTTP, its processes, its host."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.generate import board_logs, boards, foreign, recording, settings
from grafana.generate.boards import IN_SERVICE, WINDOW, Row
from grafana.generate.panels import Panel, Query, Spec, graph, number
from grafana.generate.promql import present, quantile, rate, sum_by, vector

_INSTANCE = f'{foreign.INSTANCE}=~"$instance"'
_HERE = (IN_SERVICE, _INSTANCE)
_HOST = f'{foreign.SERVICE}="{foreign.HOST}"'
_ROUTE = f"{{{{{foreign.ROUTE}}}}}"
_PROCESS = f"{{{{{foreign.SERVICE}}}}} {{{{{foreign.INSTANCE}}}}}"
_LINK = ("Traces of this service in Jaeger", boards.trace_search("${service}"))


def _http_traffic() -> list[Panel]:
    count = vector(foreign.HTTP_DURATION, *_HERE, part="count")
    total = sum_by((foreign.ROUTE,), rate(count, WINDOW))
    return [
        graph(
            Spec(
                "Requests by route",
                "HTTP requests a second.",
                "reqps",
                [Query(total, _ROUTE)],
            ),
            link=_LINK,
        ),
        graph(
            Spec(
                "Requests by status",
                "HTTP requests a second by status code.",
                "reqps",
                [
                    Query(
                        sum_by((foreign.STATUS,), rate(count, WINDOW)), f"{{{{{foreign.STATUS}}}}}"
                    )
                ],
                colours={
                    "/^2/": settings.PALETTE["good"],
                    "/^4/": settings.PALETTE["warning"],
                    "/^5/": settings.PALETTE["critical"],
                },
            ),
            stacked=True,
            link=_LINK,
        ),
    ]


def _http_quality() -> list[Panel]:
    count = vector(foreign.HTTP_DURATION, *_HERE, part="count")
    failed = vector(foreign.HTTP_DURATION, *_HERE, f'{foreign.STATUS}=~"5.."', part="count")
    total = sum_by((foreign.ROUTE,), rate(count, WINDOW))
    return [
        graph(
            Spec(
                "Duration, p95",
                "95 % of requests are answered within this time. The dots are traces.",
                "s",
                [
                    Query(
                        quantile(0.95, foreign.HTTP_DURATION, (foreign.ROUTE,), WINDOW, *_HERE),
                        _ROUTE,
                        exemplars=True,
                    )
                ],
                limits=((settings.P95_MAX_S, "critical"),),
                width=8,
                runbooks=("PredictionLatencyHigh",),
            ),
            link=_LINK,
        ),
        graph(
            Spec(
                "Failures",
                "Share of requests answered 5xx, by route.",
                "percentunit",
                [
                    Query(
                        f"({sum_by((foreign.ROUTE,), rate(failed, WINDOW))} or 0 * {total})\n"
                        f"/ ({total} > 0)",
                        _ROUTE,
                    )
                ],
                limits=((settings.FAILURE_SHARE_MAX, "critical"),),
                width=8,
                maximum=1,
                runbooks=("HttpFailureRateHigh",),
            ),
            link=_LINK,
        ),
        graph(
            Spec(
                "In flight",
                "HTTP requests being answered.",
                "none",
                [
                    Query(
                        sum_by((foreign.SERVICE,), vector(foreign.HTTP_ACTIVE, *_HERE)),
                        f"{{{{{foreign.SERVICE}}}}}",
                    )
                ],
                width=8,
            )
        ),
    ]


def _http() -> list[Panel]:
    return [*_http_traffic(), *_http_quality()]


def _process() -> list[Panel]:
    by = (foreign.SERVICE, foreign.INSTANCE)

    def one(
        title: str,
        description: str,
        unit: str,
        expr: str,
        limits: Sequence[tuple[float, str]] = (),
        runbooks: Sequence[str] = (),
    ) -> Panel:
        queries = [Query(expr, _PROCESS)]
        return graph(Spec(title, description, unit, queries, limits, width=8, runbooks=runbooks))

    return [
        one(
            "CPU",
            "Share of all cores of the machine that a process uses.",
            "percentunit",
            vector(foreign.PROCESS_CPU_UTILIZATION, *_HERE),
            limits=((settings.CPU_SHARE_MAX, "critical"),),
            runbooks=("ProcessCpuHigh",),
        ),
        one(
            "Cores",
            "CPU time a second: 1 is one core, which is all that Python code of one "
            "process can use.",
            "none",
            sum_by(by, rate(vector(foreign.PROCESS_CPU_TIME, *_HERE), WINDOW)),
            runbooks=("ProcessCpuHigh",),
        ),
        one("Memory", "Physical memory in use.", "bytes", vector(foreign.PROCESS_MEMORY, *_HERE)),
        one("Threads", "Threads of a process.", "none", vector(foreign.PROCESS_THREADS, *_HERE)),
        one(
            "Open files",
            "Open file descriptors; a line that only rises is a leak.",
            "none",
            vector(foreign.PROCESS_FILES, *_HERE),
        ),
        one(
            "Garbage collections",
            "Collections a second, all generations.",
            "cps",
            sum_by(by, rate(vector(foreign.GC_COLLECTIONS, *_HERE), WINDOW)),
        ),
    ]


def _own_disks() -> str:
    """Return the fullest of each file system among a service's processes."""
    own = vector(foreign.FILESYSTEM, *_HERE, present(foreign.MOUNTPOINT))
    return f"max by ({foreign.SERVICE}, {foreign.MOUNTPOINT}) ({own})"


def _host_shares() -> list[Panel]:
    name = f"{{{{{foreign.INSTANCE}}}}}"
    return [
        graph(
            Spec(
                "Host CPU",
                "Share of all cores that is busy.",
                "percentunit",
                [Query(recording.HOST_CPU, name)],
                limits=((settings.CPU_SHARE_MAX, "critical"),),
                width=8,
                maximum=1,
                runbooks=("HostCpuHigh",),
            )
        ),
        graph(
            Spec(
                "Host memory",
                "Share of memory by use.",
                "percentunit",
                [
                    Query(
                        vector(foreign.SYSTEM_MEMORY, _HOST, 'state!~"slab.*"'),
                        f"{{{{state}}}} {name}",
                    )
                ],
                width=8,
                maximum=1,
            ),
            stacked=True,
        ),
        graph(
            Spec(
                "Disks",
                "Share of each file system in use: of hosts, and as the service sees it.",
                "percentunit",
                [
                    Query(vector(foreign.FILESYSTEM, _HOST), f"{{{{mountpoint}}}} {name}"),
                    Query(_own_disks(), f"{{{{{foreign.MOUNTPOINT}}}}} {{{{{foreign.SERVICE}}}}}"),
                ],
                limits=(
                    (settings.DISK_SHARE_WARNING, "warning"),
                    (settings.DISK_SHARE_CRITICAL, "critical"),
                ),
                width=8,
                maximum=1,
                runbooks=("BackendDiskFull", "BackendDiskFillsSoon"),
            )
        ),
    ]


def _host_traffic() -> list[Panel]:
    name = f"{{{{{foreign.INSTANCE}}}}}"
    network = sum_by(
        (foreign.INSTANCE, "direction"), rate(vector(foreign.SYSTEM_NETWORK_IO, _HOST), WINDOW)
    )
    disk = sum_by(
        (foreign.INSTANCE, "direction"), rate(vector(foreign.SYSTEM_DISK_IO, _HOST), WINDOW)
    )
    return [
        graph(
            Spec(
                "Network",
                "Bytes a second over all interfaces.",
                "Bps",
                [Query(network, f"{{{{direction}}}} {name}")],
            )
        ),
        graph(
            Spec(
                "Disk traffic",
                "Bytes a second read and written.",
                "Bps",
                [Query(disk, f"{{{{direction}}}} {name}")],
            )
        ),
    ]


def _host() -> list[Panel]:
    return [*_host_shares(), *_host_traffic()]


def _gpu() -> list[Panel]:
    panels = (
        ("GPU", "Share of time that a GPU works.", foreign.GPU_UTILIZATION),
        ("GPU memory", "Share of a GPU's memory in use.", foreign.GPU_MEMORY),
    )
    return [
        graph(
            Spec(
                title,
                description,
                "percentunit",
                [Query(vector(metric, *_HERE), _PROCESS)],
                maximum=1,
                empty="no GPU metrics",
            )
        )
        for title, description, metric in panels
    ]


def _now() -> list[Panel]:
    return [
        number(
            Spec(
                "Requests",
                "HTTP requests a second.",
                "reqps",
                [Query(f"sum({vector(recording.HTTP_REQUESTS, IN_SERVICE)})", "requests")],
                width=8,
                height=4,
            )
        ),
        number(
            Spec(
                "Failures",
                "Share of requests answered 5xx over 5 minutes.",
                "percentunit",
                [
                    Query(
                        vector(recording.HTTP_FAILURE_RATIO, IN_SERVICE),
                        f"{{{{{foreign.SERVICE}}}}}",
                    )
                ],
                limits=((settings.FAILURE_SHARE_MAX, "critical"),),
                width=8,
                height=4,
                runbooks=("HttpFailureRateHigh",),
            )
        ),
        number(
            Spec(
                "p95",
                "95 % of requests are answered within this time.",
                "s",
                [Query(vector(recording.HTTP_P95, IN_SERVICE), f"{{{{{foreign.SERVICE}}}}}")],
                limits=((settings.P95_MAX_S, "critical"),),
                width=8,
                height=4,
            )
        ),
    ]


def render() -> str:
    """Return ``service.json``."""
    metric = foreign.PROCESS_MEMORY
    return boards.render(
        "service",
        "Service",
        "A service: its HTTP requests, processes, host, GPU and logs.",
        [
            boards.service_variable(metric, everything=False),
            boards.variable(
                "instance",
                "Instance",
                boards.label_values(metric, foreign.INSTANCE, IN_SERVICE),
            ),
        ],
        [
            Row("Now", _now()),
            Row("HTTP", _http()),
            Row("Process", _process()),
            Row("Host", _host()),
            Row("GPU", _gpu()),
            board_logs.service_row(),
        ],
        one_service=True,
    )
