"""Write everything that is generated: ``python -m grafana.generate``; ``--check`` only compares."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import click

from grafana.generate import (
    board_batch,
    board_drift,
    board_model,
    board_overview,
    board_pipeline,
    board_quality,
    board_service,
    board_variants,
    grafana_files,
    rule_files,
    rule_tests,
    runbook,
)

ROOT = Path(__file__).resolve().parents[2]
# Folders that hold generated files only: what else lies there is a leftover.
OWNED = ("docs/runbooks/*.md", "grafana/dashboards/*.json", "prometheus/tests/*.yml")


def files() -> dict[str, str]:
    """Return the text of every generated file by its path from the root of the repository."""
    return {
        "grafana/dashboards/overview.json": board_overview.render(),
        "grafana/dashboards/model.json": board_model.render(),
        "grafana/dashboards/drift.json": board_drift.render(),
        "grafana/dashboards/quality.json": board_quality.render(),
        "grafana/dashboards/variants.json": board_variants.render(),
        "grafana/dashboards/batch.json": board_batch.render(),
        "grafana/dashboards/service.json": board_service.render(),
        "grafana/dashboards/pipeline.json": board_pipeline.render(),
        "grafana/provisioning/dashboards/otelml.yaml": grafana_files.dashboard_provider(),
        "grafana/provisioning/alerting/contact-points.yaml": grafana_files.contact_points(),
        "grafana/provisioning/alerting/policies.yaml": grafana_files.policies(),
        "grafana/provisioning/alerting/rules.yaml": grafana_files.grafana_rules(),
        "prometheus/rules/recording.yml": rule_files.recording_rules(),
        "prometheus/rules/alerts.yml": rule_files.alert_rules(),
        **{f"prometheus/tests/{name}.yml": text for name, text in rule_tests.pages().items()},
        **{f"docs/runbooks/{name}.md": text for name, text in runbook.pages().items()},
    }


def differences(root: Path) -> tuple[list[str], list[str]]:
    """Return the generated files that are not current, and those that should not be there."""
    wanted = files()
    stale = [
        path
        for path, text in wanted.items()
        if not (root / path).is_file() or (root / path).read_text("utf-8") != text
    ]
    found = {str(p.relative_to(root)) for pattern in OWNED for p in root.glob(pattern)}
    return stale, sorted(found - set(wanted))


def main(arguments: list[str] | None = None) -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m grafana.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if not current")
    parser.add_argument("--root", type=Path, default=ROOT, metavar="FOLDER")
    options = parser.parse_args(arguments)
    stale, leftover = differences(options.root)
    if options.check:
        for path in [*stale, *leftover]:
            click.echo(f"not current: {path}; run `make generate`", err=True)
        return bool(stale or leftover)
    wanted = files()
    for path in stale:
        target = options.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(wanted[path], "utf-8")
        click.echo(f"wrote {path}")
    for path in leftover:
        (options.root / path).unlink()
        click.echo(f"removed {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
