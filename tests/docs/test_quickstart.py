"""``docs/quickstart.md`` is done as it says: its commands find one request in every store."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from engines.secrets import USER, make
from engines.stack import Stack
from tests.acceptance._service import DemoService
from tests.docs._ports import free_ports

PAGE = Path(__file__).resolve().parents[2] / "docs/quickstart.md"
SHOWN_TRACE = "6fbe5e3cd041e2de9e5da711c6598ea2"
_WAIT_S = 60.0

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory, model_folder):
    """The demo in front of the stack; its addresses by those the page gives."""
    folder = tmp_path_factory.mktemp("quickstart")
    access = make(folder / "secrets")
    with Stack(folder / "stack", free_ports(), access=access) as stack:
        service = DemoService(
            stack.url("collector"),
            stack.url("jaeger"),
            model_folder,
            folder / "log",
            access.otlp_headers,
        )
        service.start()
        try:
            yield {
                "http://127.0.0.1:8000": service.url,
                "http://127.0.0.1:16686": stack.url("jaeger"),
                "http://127.0.0.1:9090": stack.url("prometheus"),
                "$LOGIN": f"{USER}:{access.password}",
                "$LOGS": stack.url("victorialogs"),
            }
        finally:
            service.stop()


def commands() -> list[str]:
    """Return the shell blocks of the page, in order."""
    return re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)


def run(command: str, addresses: dict[str, str], trace: str = "") -> str:
    """Run a block with the addresses of this stack and a trace; return what it printed."""
    for shown, real in {**addresses, SHOWN_TRACE: trace}.items():
        command = command.replace(shown, real)
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip()


def until(command: str, addresses: dict[str, str], wanted: str, trace: str = "") -> str:
    """Run a block until it prints what is wanted, a pattern; return the last it printed."""
    deadline = time.monotonic() + _WAIT_S
    while not re.search(wanted, said := run(command, addresses, trace), re.DOTALL):
        assert time.monotonic() < deadline, f"{command}\nprinted: {said!r}"
        time.sleep(0.5)
    return said


def test_one_request_is_followed_as_the_page_says(addresses):
    """Each command prints what the page shows for it: spans, lines, counts, an exemplar."""
    predict, spans, lines, counts, exemplar = commands()
    trace = run(predict, addresses)
    assert re.fullmatch("[0-9a-f]{32}", trace)
    said = until(spans, addresses, "post_processing", trace)
    assert sorted(line.split("  ")[0] for line in said.splitlines()) == [
        "POST /predict",
        "feature_extraction",
        "inference",
        "post_processing",
        "predict loan",
    ]
    until(lines, addresses, "prediction of loan: (approved|rejected)", trace)
    assert re.fullmatch(r"(approved|rejected)  1", until(counts, addresses, r"\d", trace))
    found = json.loads(until(exemplar, addresses, "trace_id", trace))
    assert found["labels"]["trace_id"] == trace


def test_the_page_shows_what_the_commands_print():
    """The trace that the page follows is the one it got."""
    assert PAGE.read_text().count(SHOWN_TRACE) == 3


def test_the_page_says_where_the_login_is():
    """What its commands take from variables are the files that `make stack` writes."""
    page = PAGE.read_text()
    for variable, name in (("LOGIN", "password"), ("LOGS", "logs_path")):
        (line,) = re.findall(rf"export {variable}=.*", page)
        assert f"$(cat .otelml-stack/secrets/{name})" in line
    assert f'LOGIN="{USER}:' in page
