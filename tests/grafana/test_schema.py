"""Dashboards hold values of the types, and of the choices, that Grafana's own model names."""

from __future__ import annotations

import copy
import enum
import json
import types
import typing

import pytest
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from grafana.generate.queries import DASHBOARDS

PLAIN = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}
FILES = sorted(DASHBOARDS.glob("*.json"))


def wrong(value: object, hint: object, where: str) -> list[str]:
    """Return the places at which a value is not of the type that is expected there."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        tried = [wrong(value, each, where) for each in arguments]
        return [] if [] in tried else max(tried, key=lambda found: len(found[0]))
    if origin is typing.Literal:
        return [] if value in arguments else [where]
    if origin is list:
        if not isinstance(value, list):
            return [where]
        return [e for n, v in enumerate(value) for e in wrong(v, arguments[0], f"{where}[{n}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [where]
        return [e for k, v in value.items() for e in wrong(v, arguments[1], f"{where}.{k}")]
    if hint is type(None):
        return [] if value is None else [where]
    if hint in PLAIN:
        fits = isinstance(value, PLAIN[hint]) and (hint is bool or not isinstance(value, bool))
        return [] if fits else [where]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [] if value in {choice.value for choice in hint} else [where]
    return within(value, hint, where)


def within(value: object, hint: object, where: str) -> list[str]:
    """Return the wrong places of an object of Grafana's model."""
    if isinstance(value, dict) and hasattr(hint, "from_json"):  # the model leaves some unread
        value = hint.from_json(value)
    if not type(value).__module__.startswith("grafana_foundation_sdk.models"):
        return [] if hint in (object, typing.Any) else [where]
    hints = typing.get_type_hints(type(value))
    found = [e for k, h in hints.items() for e in wrong(getattr(value, k), h, f"{where}.{k}")]
    # What a panel of a known kind has is read into objects; that of an unknown one stays as it is.
    unread = isinstance(value, Panel) and isinstance(value.options, dict)
    return [*found, *([f"{where}.type_val"] if unread else [])]


def check(dashboard: dict) -> list[str]:
    """Return the wrong places of a dashboard."""
    register_default_plugins()
    return wrong(Dashboard.from_json(dashboard), Dashboard, "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_types(path):
    """Every value is of its type, every choice one that there is, every kind of panel known."""
    assert check(json.loads(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("keys", "value", "place"),
    [
        (("gridPos", "w"), "8", ".panels[N].grid_pos.w"),
        (("title",), 3, ".panels[N].title"),
        (("options", "legend", "displayMode"), "tabel", ".panels[N].options.legend.display_mode"),
        (
            ("fieldConfig", "defaults", "custom", "showPoints"),
            "sometimes",
            ".panels[N].field_config.defaults.custom.show_points",
        ),
        (("type",), "timeserie", ".panels[N].type_val"),
        (("targets", 0, "expr"), None, ".panels[N].targets[0].expr"),
    ],
)
def test_wrong_values_are_noticed(keys, value, place):
    """A wrong type, a choice that does not exist and an unknown panel are found where they are."""
    dashboard = json.loads(FILES[0].read_text("utf-8"))
    number = [panel["type"] for panel in dashboard["panels"]].index("timeseries")
    spoilt = copy.deepcopy(dashboard)
    inner = spoilt["panels"][number]
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    assert check(spoilt) == [place.replace("N", str(number))]
