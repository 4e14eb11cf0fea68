"""The documents: their code runs, their links lead somewhere, the generated ones are current."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCKS = [
    pytest.param(code, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("code", BLOCKS)
def test_code_runs(code, monkeypatch, tmp_path):
    """Every block runs as it stands, sending nowhere."""
    import otelml

    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    if "litestar" in code:  # it sets up logging for the whole process, for good
        _run_alone(code, tmp_path)
        return
    try:
        exec(compile(code, "<document>", "exec"), {"__name__": "__document__"})  # noqa: S102 - our own documents
    finally:
        otelml.shutdown()


def _run_alone(code, folder):
    (folder / "document.py").write_text(code)
    program = "import document, otelml; otelml.shutdown()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every relative link names a file that is there."""
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), target


def test_generated_documents_are_current():
    """`make generate` would change nothing."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(["--check"]) == 0


def test_no_module_is_over_400_lines():
    """Room is made before a module outgrows it."""
    long = {
        str(path.relative_to(ROOT)): count
        for folder in ("otelml", "demo_service", "tests", "benchmarks", "docs", "engines")
        for pattern in ("*.py", "*.js", "*.css")
        for path in (ROOT / folder).rglob(pattern)
        if "vendor" not in path.parts
        if (count := len(path.read_text().splitlines())) > 400
    }
    assert not long
