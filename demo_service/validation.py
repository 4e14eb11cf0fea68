"""Checks an application field by field, and says of each wrong one what is wrong."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any, Final

from demo_service.fields import BY_NAME, Field
from otelml.samples import FEATURES, Application

Errors = dict[str, str]
MAX_BATCH: Final = 1_000
MAX_FIELDS: Final = 40
_MAX_WRONG: Final = 100
_SHOWN: Final = 40
_JSON_TYPES: Final = {
    bool: "true or false", str: "text", list: "a list", dict: "an object", type(None): "null",
    int: "a number", float: "a number",
}  # fmt: skip


class InvalidApplicationError(ValueError):
    """An application cannot be scored.

    Args:
        errors: A message for each wrong field.
    """

    def __init__(self, errors: Errors) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in errors.items()))
        self.errors = errors


def validate(body: object) -> Application:
    """Return a clean application with every feature; missing optional ones are ``None``.

    Raises:
        InvalidApplicationError: With a message for each wrong field.
    """
    application, errors = _check_all(body)
    if errors:
        raise InvalidApplicationError(errors)
    return application


def validate_batch(body: object) -> list[Application]:
    """Return clean applications from a list of them.

    Raises:
        InvalidApplicationError: Its keys name the row, from 0, and the field: ``"2.age"``.
    """
    if not isinstance(body, list):
        raise InvalidApplicationError(
            {"batch": f"must be a list of applications, not {_type(body)}"}
        )
    if not 1 <= len(body) <= MAX_BATCH:
        raise InvalidApplicationError(
            {"batch": f"must have 1 to {MAX_BATCH:,} applications, not {len(body):,}"}
        )
    clean: list[Application] = []
    errors: Errors = {}
    for row, item in enumerate(body):
        application, wrong = _check_all(item)
        clean.append(application)
        errors |= {f"{row}.{name}": message for name, message in wrong.items()}
        if len(errors) >= _MAX_WRONG:  # enough to see what is wrong with all of them
            break
    if errors:
        raise InvalidApplicationError(errors)
    return clean


def from_form(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON body that a submitted form stands for; an empty control is left out."""
    body: dict[str, Any] = {}
    for name, text in form.items():
        field = BY_NAME.get(name)
        if not text.strip():
            continue
        body[name] = text.strip() if field is None or field.kind == "choice" else _number(text)
    return body


def _check_all(body: object) -> tuple[Application, Errors]:
    """Return the clean application, and a message for each wrong field."""
    if not isinstance(body, Mapping):
        message = f"must be an object with the applicant's fields, not {_type(body)}"
        return {}, {"application": message}
    if len(body) > MAX_FIELDS:
        return {}, {"application": f"has {len(body):,} fields; {MAX_FIELDS} at most"}
    errors: Errors = {}
    clean: Application = {}
    for name in FEATURES:
        clean[name], message = _check(BY_NAME[name], body.get(name))
        if message:
            errors[name] = message
    unknown = [str(name) for name in body if name not in BY_NAME]
    errors |= {shown_name(name): _unknown(name) for name in unknown}
    return clean, errors


def _number(text: str) -> float | int | str:
    """Return the number that a person wrote, or the text where it is none."""
    plain = text.strip().replace(" ", "").replace(",", "")
    try:
        value = float(plain)
    except ValueError:
        return text.strip()
    return int(value) if value.is_integer() else value


def _check(field: Field, value: object) -> tuple[Any, str]:
    """Return the clean value and what is wrong with it; one of them is empty."""
    if value is None:
        return None, "is required" if field.required else ""
    if field.kind == "choice":
        return _check_choice(field, value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None, f"must be a number, not {_describe(value)}"
    # The range comes first: an integer beyond it may be too large to be a float at all.
    if isinstance(value, float) and not math.isfinite(value):
        return None, "must be a finite number"
    if not field.minimum <= value <= field.maximum:
        return None, f"must be {field.limits}, not {f'{value:,}'[:_SHOWN]}"
    if field.kind == "integer":
        if value != int(value):
            return None, f"must be a whole number, not {value:g}"
        return int(value), ""
    return float(value), ""


def _check_choice(field: Field, value: object) -> tuple[Any, str]:
    if value in field.choices:
        return value, ""
    options = ", ".join(field.choices)
    message = f"must be one of {options}; not {_describe(value)}"
    nearest = _nearest(value, field.choices) if isinstance(value, str) else None
    return None, f"{message}. Did you mean {nearest}?" if nearest else message


def shown_name(name: str) -> str:
    """Return the name of a field that there is not, as an answer repeats it."""
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"


def _unknown(name: str) -> str:
    nearest = _nearest(name, FEATURES)
    return f"is not a field; did you mean {nearest}?" if nearest else "is not a field"


def _nearest(word: str, words: tuple[str, ...]) -> str | None:
    found = difflib.get_close_matches(word[:_SHOWN].lower(), words, n=1, cutoff=0.6)
    return found[0] if found else None


def _type(value: object) -> str:
    return _JSON_TYPES.get(type(value), type(value).__name__)


def _describe(value: object) -> str:
    if isinstance(value, str):
        return f"“{value[:_SHOWN]}”" if value else "empty text"
    return _type(value)
