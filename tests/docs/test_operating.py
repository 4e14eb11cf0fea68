"""What ``docs/operating.md`` says to do is done, with the real engines: its own blocks are run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from engines.build import binary
from engines.secrets import make
from engines.stack import Stack
from engines.table import Ports
from tests._access import logged_in
from tests.acceptance._stores import Stores
from tests.docs._ports import free_ports
from tests.faults._arrived import Arrived
from tests.faults._sender import SIGNALS, Sender, load
from tests.faults._table import report

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/operating.md"
FLAGS = {"prometheus": ["--web.enable-admin-api"]}

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def block(heading: str) -> str:
    """Return the first shell block under a heading of the page."""
    found = re.search(
        rf"^### {heading}\n.*?```bash\n(.*?)```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found, heading
    return found[1]


def shell(heading: str, **environment: str | Path) -> str:
    """Run that block; return what it printed."""
    told = {name: str(value) for name, value in environment.items()}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block(heading)],
        env=os.environ | told,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def ports() -> Ports:
    """Return ports that nothing listens on."""
    return free_ports()


def missing(arrived: Arrived) -> dict[str, int]:
    """Wait for everything acknowledged; return how much is not there, by signal."""
    return {signal: len(arrived.settle(signal)) for signal in SIGNALS}


NONE_MISSING = dict.fromkeys(SIGNALS, 0)


def test_backup_and_restore(tmp_path, ports):
    """All data, and what waited in the Collector's queue, is there after a restore, not before."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    with Stack(data, ports) as stack:
        sender = Sender(stack.url("collector"))
        arrived = Arrived(Stores(stack), sender)
        assert {sender.send(signal, 200) for signal in SIGNALS} == {200}
        assert missing(arrived) == NONE_MISSING
        stack.process("victorialogs").stop()  # so that something waits in the queue
        assert sender.send("logs", 50) == 200
    shell("Back up", DATA=data, BACKUP=backup)
    shutil.rmtree(data)
    with Stack(data, ports) as stack:
        empty = Arrived(Stores(stack), sender)
        assert {s: len(empty.missing(s)) for s in SIGNALS} == {
            "spans": 200,
            "points": 200,
            "logs": 250,
        }
    shell("Restore", DATA=data, BACKUP=backup)
    with Stack(data, ports) as stack:
        restored = Arrived(Stores(stack), sender)
        assert missing(restored) == NONE_MISSING
        sender.close()


def test_snapshot_of_a_running_prometheus(tmp_path, ports):
    """A snapshot taken while it runs is a data folder of its own, with every point in it."""
    data = tmp_path / "data"
    access = make(data / "secrets")
    with Stack(data, ports, flags=FLAGS, access=access) as stack, logged_in(stack):
        sender = Sender(stack.url("collector"), access.token)
        arrived = Arrived(Stores(stack), sender)
        assert sender.send("points", 200) == 200
        assert arrived.settle("points") == set()
        shell("Snapshot", DATA=data, BACKUP=tmp_path, PROMETHEUS=stack.url("prometheus"))
    shutil.rmtree(data / "prometheus/data")
    shutil.copytree(tmp_path / "prometheus-snapshot", data / "prometheus/data")
    with Stack(data, ports, engines=("prometheus",)) as stack:
        query = f'count(last_over_time(fault_item{{service_name="{sender.service}"}}[1h]))'
        url = f"{stack.url('prometheus')}/api/v1/query?query={urllib.request.quote(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            result = json.load(answer)["data"]["result"]
    assert [float(series["value"][1]) for series in result] == [200]


def test_restart_of_each_engine_under_traffic(tmp_path, ports):
    """Engines restarted one after the other, as in an upgrade, lose nothing acknowledged."""
    with Stack(tmp_path, ports) as stack:
        sender = Sender(stack.url("collector"))
        arrived = Arrived(Stores(stack), sender)
        with load(sender, items=20):
            for name in ("victorialogs", "jaeger", "prometheus", "collector"):
                time.sleep(1)
                stack.restart(name)
            time.sleep(1)
        assert missing(arrived) == NONE_MISSING
        for signal in SIGNALS:
            refused = sender.unacknowledged(signal)
            report(arrived.row("engines restarted in turn", signal, note=f"{refused} refused"))
        # What waits for the backends is said here, before a downgrade of the Collector.
        waits = shell("Is the queue empty", COLLECTOR=stack.url("collector", "metrics"))
        assert {line.split()[-1] for line in waits.splitlines()} == {"0"}
        assert len(waits.splitlines()) == 3


def test_the_checks_of_the_page(tmp_path):
    """The commands that check configuration before a restart pass, and can fail."""
    tools = {tool: binary(tool) for tool in ("promtool", "otelcol-otelml")}
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, path in tools.items():
        (folder / name).symlink_to(path)
    environment = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "OTELML_COLLECTOR_QUEUE_DIR": str(tmp_path),
    }
    command = ["bash", "-euo", "pipefail", "-c", block("Check first")]
    good = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=False)
    assert good.returncode == 0, good.stderr.decode()
    copy = tmp_path / "copy"
    for part in ("prometheus", "collector"):
        shutil.copytree(ROOT / part, copy / part)
    config = copy / "collector/config.yaml"
    config.write_text(config.read_text().replace("sending_queue:", "sending_qeue:"))
    bad = subprocess.run(command, env=environment, cwd=copy, capture_output=True, check=False)
    assert bad.returncode != 0
