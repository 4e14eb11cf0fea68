"""What was said to a language model and by it, from the attributes of those who record it.

OpenInference and OpenLLMetry number each field (``llm.input_messages.0.message.content``), the
conventions for generative AI keep lists, as JSON or as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from otelml import semconv_senders as senders
from otelml.viewer.records import text

MAX_MESSAGES = 200
_LISTS = (
    (senders.GEN_AI_SYSTEM, "in", "system"),
    (senders.GEN_AI_INPUT, "in", "user"),
    (senders.GEN_AI_OUTPUT, "out", "assistant"),
)
_NUMBERED = (
    (senders.OPENINFERENCE_INPUT_MESSAGES, "in", "user"),
    (senders.OPENLLMETRY_PROMPT, "in", "user"),
    (senders.OPENINFERENCE_DOCUMENTS, "out", "document"),
    (senders.OPENINFERENCE_OUTPUT_MESSAGES, "out", "assistant"),
    (senders.OPENLLMETRY_COMPLETION, "out", "assistant"),
)
_WHOLE = (
    (senders.OPENINFERENCE_INPUT, "in", "input"),
    (senders.OPENINFERENCE_OUTPUT, "out", "output"),
)
# Under these an item of a list stands for itself.
_WRAPPERS = ("message", "document", "message_content", "tool_call", "function")
_TEXTS = ("content", "text", "response", "result")


def messages_of(said: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the messages of a span in their order: ``direction`` in or out, ``role``, ``content``.

    Args:
        said: The span's attributes.
    """
    found: list[dict[str, str]] = []
    for key, direction, role in _LISTS:
        found += _many(_items(said.get(key)), direction, role)
    for prefix, direction, role in _NUMBERED:
        found += _many(_numbered(said, prefix), direction, role)
    if not found:
        # The whole input and output hold the messages once more, where there are any.
        for key, direction, role in _WHOLE:
            if said.get(key) not in {None, ""}:
                found.append(_message(direction, role, text(said[key])))
    return found[:MAX_MESSAGES]


def _message(direction: str, role: str, content: str) -> dict[str, str]:
    return {"direction": direction, "role": role, "content": content}


def _many(items: Iterable[Any], direction: str, otherwise: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for item in items:
        node = _unwrapped(item)
        role = node.get("role") if isinstance(node, dict) else None
        content = _content(node)
        if content:
            found.append(_message(direction, role if isinstance(role, str) else otherwise, content))
    return found


def _items(value: Any) -> list[Any]:
    """Return a list that may be JSON; what is neither stands for itself."""
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [value]
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def _numbered(said: Mapping[str, Any], prefix: str) -> list[Any]:
    """Return what numbered keys stand for: nested mappings, in the order of their numbers."""
    tree: dict[str, Any] = {}
    for key, value in said.items():
        if not key.startswith(f"{prefix}."):
            continue
        node = tree
        *parts, last = key[len(prefix) + 1 :].split(".")
        for part in parts:
            inner = node.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            node = inner
        else:
            node[last] = value
    return _ordered(tree)


def _ordered(tree: Mapping[str, Any]) -> list[Any]:
    numbers = sorted((key for key in tree if key.isascii() and key.isdigit()), key=int)
    return [tree[key] for key in numbers]


def _unwrapped(item: Any) -> Any:
    while isinstance(item, dict):
        inner = next((item[key] for key in _WRAPPERS if isinstance(item.get(key), dict)), None)
        if inner is None:
            break
        item = {**{k: v for k, v in item.items() if v is not inner}, **inner}
    return item


def _content(node: Any) -> str:
    """Return a message, or a part of one, as text; calls of tools as they would be written."""
    if isinstance(node, str):
        return node
    if not isinstance(node, dict):
        return "" if node is None else text(node)
    parts = [text(node[key]) for key in _TEXTS if isinstance(node.get(key), (str, int, float))]
    for key in ("parts", "contents", "content"):
        inner = node.get(key)
        if isinstance(inner, dict):
            inner = _ordered(inner)
        if isinstance(inner, list):
            parts += [_content(_unwrapped(each)) for each in inner]
    calls = node.get("tool_calls")
    for call in _ordered(calls) if isinstance(calls, dict) else calls or ():
        parts.append(_call(_unwrapped(call)))
    if node.get("name") and "arguments" in node:
        parts.append(_call(node))
    return "\n".join(part for part in parts if part)


def _call(call: Any) -> str:
    if not isinstance(call, dict):
        return text(call)
    arguments = call.get("arguments", "")
    return f"{call.get('name', 'tool')}({text(arguments)})"
