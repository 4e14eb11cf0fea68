"""``otelml run`` and the processes that the command starts: whose stdout, and who is an instance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests._otlp_server import OtlpServer
from tests.cli.test_run import OTELML, environment

SITE = Path(__file__).parents[2] / "otelml" / "_zero_code" / "sitecustomize.py"
CHILD = """
import json, logging
logging.getLogger("child").info("from the child")
print(json.dumps({"answer": 42}))
"""
STARTS = {
    "a pipe": """
out = subprocess.run([sys.executable, "child.py"], stdout=subprocess.PIPE, text=True).stdout
""",
    "a pipe, in a shell": """
out = subprocess.run(f"{sys.executable} child.py", shell=True, stdout=subprocess.PIPE, text=True).stdout
""",
    "a file": """
with open("out.txt", "w") as file:
    subprocess.run([sys.executable, "child.py"], stdout=file)
out = open("out.txt").read()
""",
    "a grandchild": """
code = "import subprocess, sys; subprocess.run([sys.executable, 'child.py'])"
out = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True).stdout
""",
    "a fork that becomes another program": """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12: the process has threads
read, write = os.pipe()
if os.fork() == 0:
    os.dup2(write, 1)
    os.execv(sys.executable, [sys.executable, "child.py"])
os.close(write)
out = open(read).read()
""",
}


def start(
    tmp_path: Path, program: str, *options: str, **env: str
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "parent.py").write_text(program)
    (tmp_path / "child.py").write_text(CHILD)
    return subprocess.run(
        [*OTELML, "run", *options, "--", "python", "parent.py"],
        cwd=tmp_path, env=environment(**env), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def lines(out: str) -> list[str]:
    return [json.loads(line)["message"] for line in out.splitlines() if '"message"' in line]


@pytest.mark.parametrize("how", STARTS)
def test_a_childs_stdout_is_its_own(tmp_path, how):
    """Its parent may parse it; what it logs goes out over OTLP."""
    program = f"""
import json, logging, os, subprocess, sys
logging.getLogger("parent").info("from the parent")
{STARTS[how]}
print("parsed", json.loads(out))
"""
    with OtlpServer() as server:
        done = start(tmp_path, program, **server.environment())
        bodies = [record.body.string_value for record in server.logs]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "parsed {'answer': 42}"
    assert lines(done.stdout) == ["from the parent"]
    assert sorted(bodies) == ["from the child", "from the parent"]


def test_a_child_writes_no_lines_where_it_shares_stdout(tmp_path):
    """One process of the command writes them."""
    program = "import subprocess, sys; subprocess.run([sys.executable, 'child.py'])"
    with OtlpServer() as server:
        done = start(tmp_path, program, **server.environment())
        bodies = [record.body.string_value for record in server.logs]
    assert (done.stdout, bodies) == ('{"answer": 42}\n', ["from the child"])


def test_a_child_may_be_told_to_write_lines(tmp_path):
    """By the variable that says so."""
    program = "import subprocess, sys; subprocess.run([sys.executable, 'child.py'])"
    with OtlpServer() as server:
        done = start(tmp_path, program, OTELML_LOGS_JSON="true", **server.environment())
    assert lines(done.stdout) == ["from the child"]


def test_console_exporters_of_a_child_write_to_stderr(tmp_path):
    """They would break the same parse."""
    program = "import subprocess, sys; subprocess.run([sys.executable, 'child.py'])"
    done = start(
        tmp_path, program, OTEL_LOGS_EXPORTER="console", OTEL_METRICS_EXPORTER="none",
    )  # fmt: skip
    assert done.stdout == '{"answer": 42}\n'
    assert "from the child" in done.stderr


def test_a_program_that_replaces_the_command_writes_lines(tmp_path):
    """It is the same process."""
    program = "import os, sys; os.execv(sys.executable, [sys.executable, 'child.py'])"
    with OtlpServer() as server:
        done = start(tmp_path, program, **server.environment())
    assert lines(done.stdout) == ["from the child"]


def test_a_shell_script_passes_stdout_on(tmp_path):
    """The first Python process writes where the command would, and not where it is captured."""
    (tmp_path / "child.py").write_text(CHILD)
    script = f"{sys.executable} child.py; x=$({sys.executable} child.py); echo captured $x"
    with OtlpServer() as server:
        done = subprocess.run(
            [*OTELML, "run", "--", "sh", "-c", script],
            cwd=tmp_path, env=environment(**server.environment()), capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
    assert lines(done.stdout) == ["from the child"]
    assert done.stdout.splitlines()[-1] == 'captured {"answer": 42}'


def test_forked_processes_write_lines(tmp_path):
    """As the workers of prefork servers do."""
    program = """
import logging, os
if os.fork() == 0:
    logging.getLogger("worker").info("from a fork")
    os._exit(0)
os.wait()
"""
    with OtlpServer() as server:
        done = start(tmp_path, program, **server.environment())
    assert lines(done.stdout) == ["from a fork"]


POOLS = {
    "loky": "from joblib import Parallel, delayed\n"
    "found = lambda: Parallel(n_jobs=2)(delayed(look)(i) for i in range(4))",
    "spawn": "import multiprocessing as m\n"
    "def found():\n"
    "    with m.get_context('spawn').Pool(2) as pool: return pool.map(look, range(4))",
    "forkserver": "import multiprocessing as m\n"
    "def found():\n"
    "    with m.get_context('forkserver').Pool(2) as pool: return pool.map(look, range(4))",
    "executor": "import multiprocessing as m; from concurrent.futures import ProcessPoolExecutor\n"
    "def found():\n"
    "    context = m.get_context('spawn')\n"
    "    with ProcessPoolExecutor(2, context) as pool: return list(pool.map(look, range(4)))",
}


@pytest.mark.parametrize("pool", POOLS)
def test_workers_of_pools_are_no_instances(tmp_path, pool):
    """They do not even import otelml; the process that asks them is the only instance."""
    program = f"""
import sys
def look(_): return "otelml" in sys.modules
{POOLS[pool]}
if __name__ == "__main__":
    print(found(), look(0))
"""
    with OtlpServer() as server:
        done = start(tmp_path, program, **server.environment())
        instances = {resource["service.instance.id"] for resource in server.resources}
    assert done.stdout == "[False, False, False, False] True\n", done.stderr
    assert len(instances) == 1


def test_a_worker_that_serves_starts_with_its_first_request(tmp_path):
    """Lazily, with the span of that request."""
    program = """
import multiprocessing as m
from flask import Flask
app = Flask(__name__)
@app.route("/")
def view(): return "hi"
def serve():
    import os
    for _ in range(2):
        assert app.test_client().get("/").text == "hi"
if __name__ == "__main__":
    worker = m.get_context("spawn").Process(target=serve)
    worker.start()
    worker.join()
    print(worker.exitcode)
"""
    with OtlpServer() as server:
        done = start(tmp_path, program, **server.environment())
        names = server.span_names()
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert names == ["GET /", "GET /"]


@pytest.mark.parametrize(
    ("arguments", "of_pool"),
    [
        (["python", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()"], True),
        (["python", "-X", "dev", "-Wignore", "-c",
          "from multiprocessing.resource_tracker import main;main(3)"], True),
        (["python", "-m", "joblib.externals.loky.backend.popen_loky_posix", "--pipe", "3"], True),
        (["python", "-m", "loky.backend.popen_loky_posix"], True),
        (["frozen", "--multiprocessing-fork", "pipe_handle=3"], True),
        (["python", "-c", "from multiprocessing.pool import ThreadPool; serve()"], False),
        (["python", "-c", "from multiprocessing import Pool; main()"], False),
        (["python", "-m", "loky_service"], False),
        (["python", "-W", "ignore", "app.py", "-m", "loky.backend.x"], False),
        (["python"], False),
    ],
)  # fmt: skip
def test_which_command_lines_are_of_pools(arguments, of_pool):
    """Those of libraries, not those of users."""
    source = SITE.read_text().partition("\ntry:\n    _run_hidden()")[0]
    module = {"__file__": str(SITE), "__name__": "sitecustomize_under_test"}
    exec(compile(source, str(SITE), "exec"), module)  # noqa: S102 - importing it starts otelml
    assert module["_is_of_pool"](arguments) is of_pool
