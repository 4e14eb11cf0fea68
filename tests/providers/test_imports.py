"""A thread of ours that imports a package while the application imports a module of it.

From Python 3.14 on each would wait for the other's lock, and one of them, or both, would fail.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PACKAGE = """
import time
time.sleep(0.2)
from package import child
"""
CHILD = """
import time
time.sleep(0.2)
"""
PROGRAM = """
import sys, threading, time
from otelml._providers.imports import import_alone

failed = []
def ours():
    time.sleep({ours})
    try:
        import_alone(["package"], 5.0)
    except BaseException as error:
        failed.append(error)

thread = threading.Thread(target=ours)
thread.start()
time.sleep({theirs})
{imports}
thread.join()
assert not failed, failed
assert sys.modules["package"].child is sys.modules["package.child"]
print("done")
"""


@pytest.fixture
def run(tmp_path):
    """Run a program beside the package; return what it prints."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text(PACKAGE)
    (tmp_path / "package" / "child.py").write_text(CHILD)
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(0.3)\nimport package.child\n")

    def start(program: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, timeout=60, check=False,
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return start


@pytest.mark.parametrize("imports", ["import package.child", "import package", "import slow"])
@pytest.mark.parametrize(("ours", "theirs"), [(0, 0.1), (0.1, 0), (0, 0), (0, 0.3), (0.3, 0)])
def test_neither_fails(run, imports, ours, theirs):
    """Whoever begins first, and whatever the application begins with."""
    assert run(PROGRAM.format(imports=imports, ours=ours, theirs=theirs)) == "done\n"


def test_nobody_begins_an_import_meanwhile(run, tmp_path):
    """Not of a module that has nothing to do with it either."""
    (tmp_path / "other.py").write_text("")
    imports = "import other\nassert sys.modules['package'].child"
    assert run(PROGRAM.format(imports=imports, ours=0, theirs=0.1)) == "done\n"


def test_a_service_inside_an_import_is_not_waited_for_for_ever(run, tmp_path):
    """As with ``python -c "import app"``."""
    (tmp_path / "app.py").write_text(
        "import sys, threading, time\n"
        "from otelml._providers.imports import import_alone\n"
        "thread = threading.Thread(target=import_alone, args=(['package'], 0.5))\n"
        "thread.start()\ntime.sleep(0.3)\nprint('package' in sys.modules)\n"
        "thread.join(20)\nprint(thread.is_alive())\n"
    )
    assert run("import app") == "False\nFalse\n"


def test_a_fork_waits_for_the_import(run):
    """The child would wait for ever for a lock whose thread it does not have."""
    program = """
import os, signal, sys, threading, time
from otelml._providers.imports import import_alone
thread = threading.Thread(target=import_alone, args=(["package"], 5.0))
thread.start()
time.sleep(0.1)
sys.stdout.flush()
import warnings
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    signal.alarm(20)
    import package.child
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
thread.join()
"""
    assert run(program) == "7\n"


def test_what_is_not_there_is_an_import_error(run):
    """And nobody else's imports are held up after it."""
    program = """
import threading
from otelml._providers.imports import import_alone
try:
    import_alone(["no_such_module"], 1.0)
except ImportError as error:
    print(error.name)
thread = threading.Thread(target=lambda: __import__("package"))
thread.start()
thread.join(20)
print(thread.is_alive())
"""
    assert run(program) == "no_such_module\nFalse\n"
