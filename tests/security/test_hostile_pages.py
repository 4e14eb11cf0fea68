"""Pages of another origin, in Chromium, against each listener of the stack: they get nothing."""

from __future__ import annotations

import json
import secrets
import time
from datetime import datetime, timedelta, timezone

import pytest

from engines.secrets import USER, make
from engines.stack import Stack
from engines.table import TABLE
from tests._access import logged_in
from tests.acceptance._stores import Stores, found_lines, get
from tests.security._hostile import EVIL, REBOUND, Hostile
from tests.security.conftest import free_ports

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

MARK = f"hostile{secrets.token_hex(4)}"


def silence() -> str:
    """Return a silence of everything for ten hours; it ends in ``=}`` so that a form can send it."""
    now = datetime.now(timezone.utc)
    return json.dumps(
        {
            "matchers": [{"name": "alertname", "value": ".+", "isRegex": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=10)).isoformat(),
            "createdBy": MARK,
            "comment": "=",
        }
    )


def span() -> str:
    """Return a trace as OTLP in JSON."""
    now = time.time_ns()
    return json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {
                        "attributes": [{"key": "service.name", "value": {"stringValue": MARK}}]
                    },
                    "scopeSpans": [
                        {
                            "spans": [
                                {
                                    "traceId": secrets.token_hex(16),
                                    "spanId": secrets.token_hex(8),
                                    "name": MARK,
                                    "kind": 1,
                                    "startTimeUnixNano": str(now),
                                    "endTimeUnixNano": str(now + 1000),
                                }
                            ]
                        }
                    ],
                }
            ]
        }
    )


def targets(stack: Stack) -> list[dict[str, str]]:
    """Return what is tried: each listener that speaks HTTP, what reads and what changes there."""
    line = json.dumps({"_msg": MARK, "service.name": MARK, "x": "="}) + "\n"
    tried = {
        ("collector", "otlp_http"): {"/v1/traces": span(), "/v1/logs": "{}"},
        ("collector", "metrics"): {"/metrics": "{}"},
        ("collector", "health"): {"/": "{}"},
        ("prometheus", "http"): {
            "/api/v1/query?query=up": "query=up",
            "/api/v1/status/config": "{}",
            "/api/v1/admin/tsdb/delete_series?match[]=up": "match[]=up",
            "/-/quit": "{}",
            "/api/v1/write": "{}",
            "/federate?match[]=up": "{}",
        },
        ("jaeger", "http"): {"/api/services": "{}", "/api/traces?service=x": "{}"},
        ("jaeger", "metrics"): {"/metrics": "{}"},
        ("jaeger", "health"): {"/status": "{}"},
        ("victorialogs", "http"): {
            "/select/logsql/query?query=*": "query=*",
            "/insert/jsonline": line,
            "/insert/loki/api/v1/push": "{}",
            "/delete/run_task?filter=*": "filter=*",
        },
        ("alertmanager", "http"): {
            "/api/v2/silences": silence(),
            "/api/v2/alerts": json.dumps([{"labels": {"alertname": MARK}}]),
            "/api/v2/status": "{}",
            "/-/reload": "{}",
        },
    }
    # Where VictoriaLogs is below its port, no page knows.
    return [
        {"url": stack.url(name, port).removesuffix(stack.site.below(name)) + path, "body": body}
        for (name, port), paths in tried.items()
        if name in stack.engines
        for path, body in paths.items()
    ]


def changed(stack: Stack) -> dict[str, int]:
    """Return what the pages have left in each engine, asked with the password."""
    alertmanager, prometheus = stack.url("alertmanager"), stack.url("prometheus")
    with logged_in(stack):
        stores = Stores(stack)
        series = get(f"{prometheus}/api/v1/query", query=f'count({{service_name="{MARK}"}})')
        return {
            "silences": len(get(f"{alertmanager}/api/v2/silences")),
            "alerts": len(get(f"{alertmanager}/api/v2/alerts", filter=f"alertname={MARK}")),
            "lines": len(found_lines(stores.victorialogs, f'"{MARK}"')),
            "series": len(series["data"]["result"]),
            "spans": len(get(f"{stores.jaeger}/api/traces", service=MARK)["data"] or []),
            "accepted": int(stores.counted("otelcol_receiver_accepted_spans")),
            "dead": len([name for name in TABLE if not stack.alive(name)]),
        }


@pytest.fixture(scope="module", params=["login", "secure"])
def stack(request, tmp_path_factory):
    """All engines, with a login, and once more with TLS."""
    folder = tmp_path_factory.mktemp(request.param)
    access = make(folder / "secrets", secure=request.param == "secure")
    with Stack(folder / "stack", free_ports(32000, 32900), access=access) as running:
        yield running


@pytest.fixture
def hostile(tmp_path):
    """A browser on a hostile page."""
    one = Hostile(tmp_path / "profile")
    yield one
    one.close()


def log_in(hostile: Hostile, stack: Stack) -> None:
    """Log in everywhere, and see that the browser is let in."""
    for name, path in (
        ("prometheus", "/api/v1/query?query=up"),
        ("jaeger", "/api/services"),
        ("victorialogs", "/select/logsql/query?query=*"),
        ("alertmanager", "/api/v2/status"),
    ):
        hostile.log_in(stack.url(name) + path, USER, stack.access.password)
        assert "Unauthorized" not in hostile.driver.page_source


@pytest.mark.parametrize("host", [EVIL, "127.0.0.1"])
def test_a_page_reads_and_changes_nothing(stack, hostile, host):
    """From another site, and from another port of this machine: every way, every listener."""
    before = changed(stack)
    assert hostile.attack(host, targets(stack), "omit") == []
    assert hostile.attack(host, targets(stack), "include") == []
    assert changed(stack) == before


@pytest.mark.parametrize("host", [EVIL, "127.0.0.1"])
def test_nor_where_its_visitor_is_logged_in(stack, hostile, host):
    """The browser that knows the password does not lend it to a page that can use it."""
    log_in(hostile, stack)
    before = changed(stack)
    assert hostile.attack(host, targets(stack), "include") == []
    assert changed(stack) == before


def test_nor_by_a_form_that_leaves_the_page(stack, hostile):
    """A window that goes to the engine takes its login along: nothing there takes a form."""
    log_in(hostile, stack)
    before = changed(stack)
    for enctype in ("text/plain", "application/x-www-form-urlencoded"):
        for target in targets(stack):
            hostile.leave(EVIL, target["url"], enctype, target["body"])
    assert changed(stack) == before


def test_nor_under_a_name_that_leads_to_the_engine(stack, hostile):
    """DNS rebinding makes the page the engine's own: it is asked for the password all the same."""
    for target in targets(stack):
        scheme, _, rest = target["url"].partition("://")
        address, _, path = rest.partition("/")
        port = int(address.partition(":")[2])
        name = next(
            f"{name}.{p}"
            for name, e in TABLE.items()
            for p in e.ports
            if stack.ports.of(name, p) == port
        )
        status, said = hostile.rebound(f"{scheme}://{REBOUND}:{port}/robots.txt", f"/{path}")
        if name.endswith((".metrics", ".health")):
            # Read, as by everybody on this machine: counts and a state (test_stack_login.py).
            assert status == 200
        elif name == "victorialogs.http":
            # It says where it is; there it asks for the password (docs/security.md).
            assert (status, said[:8]) == (400, "missing ")
            below = stack.access.logs_path
            origin = f"{scheme}://{REBOUND}:{port}{below}/health"
            assert hostile.rebound(origin, f"{below}/{path}")[0] == 401
        else:
            assert status in {0, 401, 404, 405}, (target, status, said)


def test_without_a_login_the_same_pages_do_harm(tmp_path, hostile):
    """The control: Alertmanager as it was is silenced for ten hours, so the attack is a real one."""
    with Stack(tmp_path / "open", free_ports(32000, 32900), engines=("alertmanager",)) as stack:
        tried = [t for t in targets(stack) if stack.url("alertmanager") in t["url"]]
        read = hostile.attack(EVIL, tried, "omit")
        assert any("cluster" in text for _, _, _, text in read)
        made = get(f"{stack.url('alertmanager')}/api/v2/silences")
        assert {one["createdBy"] for one in made} == {MARK}
