"""The build of the engines, without building them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engines import build, table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fake_go(tmp_path, monkeypatch):
    """Put a `go` on an otherwise empty path that says it is the version given."""

    def make(says: str) -> None:
        go = tmp_path / "go"
        go.write_text(f"#!/bin/sh\necho '{says}'\n")
        go.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return make


def test_no_go(tmp_path, monkeypatch):
    """Without Go the error names the version needed and where to get it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(build.BuildError, match=r"Go 1\.26\.5 or newer is needed.*go\.dev/dl"):
        build.go_version()


@pytest.mark.parametrize("says", ["go version go1.21 linux/amd64", "go version go1.26.4 x/y"])
def test_old_go(fake_go, says):
    """A Go too old is named beside the version needed."""
    fake_go(says)
    with pytest.raises(build.BuildError, match=r"Go 1\.26\.5 or newer is needed, this is 'go vers"):
        build.go_version()


@pytest.mark.parametrize(
    ("says", "version"),
    [("go version go1.26.5 linux/amd64", "1.26.5"), ("go version go1.27 linux/arm64", "1.27.0")],
)
def test_new_go(fake_go, says, version):
    """A Go new enough is taken."""
    fake_go(says)
    assert build.go_version() == version


def test_the_modules_need_no_newer_go():
    """No engine's go.mod asks for more than what the error message promises."""
    asked = [
        tuple(int(part) for part in line.split()[1].split("."))
        for mod in (ROOT / "engines").glob("*/go.mod")
        for line in mod.read_text().splitlines()
        if line.startswith("go ")
    ]
    assert len(asked) == len(table.TABLE | table.TOOLS)
    assert max(asked) <= build.MINIMUM_GO


def test_digest_follows_the_files(tmp_path, monkeypatch):
    """A changed file of an engine is a new build, another engine's is not."""
    monkeypatch.setattr(build, "ENGINES", tmp_path)
    for name in ("victorialogs", "jaeger"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "go.mod").write_text("module x\n")
    before = {name: build.digest(table.TABLE[name]) for name in ("victorialogs", "jaeger")}
    (tmp_path / "victorialogs" / "go.mod").write_text("module y\n")
    after = {name: build.digest(table.TABLE[name]) for name in ("victorialogs", "jaeger")}
    assert after["victorialogs"] != before["victorialogs"]
    assert after["jaeger"] == before["jaeger"]


def test_cache_is_outside_the_checkout(monkeypatch, tmp_path):
    """Binaries go where XDG says."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build.location(table.TABLE["victorialogs"]).parent == tmp_path / "otelml" / "engines"


def test_missing_engine(monkeypatch, tmp_path):
    """Whoever needs an engine that is not built is told what to run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(build.BuildError, match="promtool is not built: run `make engines`"):
        build.binary("promtool")


def test_check_names_what_is_missing(tmp_path):
    """`--check` builds nothing, fails and lists the engines."""
    result = subprocess.run(
        [sys.executable, "-m", "engines.build", "--check"],
        cwd=ROOT,
        env={"XDG_CACHE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == (
        "not built: collector, prometheus, jaeger, victorialogs, alertmanager; run `make engines`\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_failed_build(fake_go, monkeypatch, tmp_path, capsys):
    """A failing build ends with the end of its log, and leaves nothing that looks built."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fake_go("go version go1.26.5 linux/amd64")
    go = tmp_path / "go"
    go.write_text(
        "#!/bin/sh\n[ $1 = version ] && { echo go version go1.26.5 x; exit; }\necho no such module; exit 3\n"
    )
    assert build.main(["--only", "alertmanager"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: alertmanager: go install")
    assert "ended with 3:\n  no such module" in error
    assert not build.is_built(table.TABLE["alertmanager"])


def test_wrappers_name_the_versions_of_the_table():
    """The module files pin what the table and the images say."""
    prometheus = (ROOT / "engines/prometheus/go.mod").read_text()
    assert "github.com/prometheus/prometheus v0.314.0" in prometheus
    assert table.TABLE["prometheus"].version == "3.14.0"
    assert "github.com/jaegertracing/jaeger v1.76.0" in (ROOT / "engines/jaeger/go.mod").read_text()
    for name, module in {
        "victorialogs": "github.com/VictoriaMetrics/VictoriaLogs",
        "alertmanager": "github.com/prometheus/alertmanager",
        "collector": "go.opentelemetry.io/collector/cmd/builder",
    }.items():
        pinned = f"{module} v{table.TABLE[name].version}"
        assert pinned in (ROOT / "engines" / name / "go.mod").read_text()
