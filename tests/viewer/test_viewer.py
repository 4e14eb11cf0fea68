"""The viewer as a whole starts where it is told, and ends without a trace."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import time

import pytest

from otelml.exceptions import ConfigurationError, PortInUseError
from otelml.viewer import Viewer


@pytest.mark.parametrize("option", ["grpc_port", "http_port", "web_port"])
def test_a_taken_port_is_named_with_its_option(viewer, option):
    """Nothing of the second viewer is left running."""
    taken = getattr(viewer.ports, option.removesuffix("_port"))
    ports = {"grpc_port": 0, "http_port": 0, "web_port": 0, option: taken}
    with pytest.raises(PortInUseError, match=rf"{taken}.*--{option.replace('_', '-')}"):
        Viewer(**ports).start()


def test_a_host_that_is_not_ours_is_refused():
    """The message names the option."""
    with pytest.raises(ConfigurationError, match=r"--host 203\.0\.113\.9"):
        Viewer("203.0.113.9", 0, 0, 0).start()


def test_it_ends_on_a_signal_and_leaves_no_file(tmp_path):
    """The temporary database goes with the process."""
    code = (
        "from otelml.viewer import Viewer\n"
        "v = Viewer(grpc_port=0, http_port=0, web_port=0)\n"
        "start = v.start\n"
        "v.start = lambda: (start(), print('up', flush=True))\n"
        "v.serve_until_signal()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(tmp_path), "PATH": ""},
    )
    assert process.stdout.readline() == "up\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


def test_idle_connections_are_kept_between_exports(viewer):
    """A bare client, which does not try again on a closed connection, loses nothing to a pause."""
    idle_s = 7.0
    receiver = http.client.HTTPConnection("127.0.0.1", viewer.ports.http, timeout=30)
    web = http.client.HTTPConnection("127.0.0.1", viewer.ports.web, timeout=30)
    body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}'
    sockets = []
    for number in range(2):
        if number:
            time.sleep(idle_s)
        receiver.request("POST", "/v1/logs", body, {"Content-Type": "application/json"})
        assert receiver.getresponse().read() == b"{}"
        web.request("GET", "/api/logs?from=0")
        answer = web.getresponse()
        assert f'"total":{number + 1}'.encode() in answer.read()
        sockets.append((receiver.sock, web.sock))
    assert sockets[0] == sockets[1], "a connection was opened anew"
    receiver.close()
    web.close()
