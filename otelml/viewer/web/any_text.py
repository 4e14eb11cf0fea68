"""Names in paths: a sender may choose one with lines of its own."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor

ANY_TEXT = "any"


class _AnyText(Convertor[str]):
    """Like Starlette's ``path``, which ends at a line break."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        """Return the text of a path."""
        return value

    def to_string(self, value: str) -> str:
        """Return the text for a path."""
        return value


register_url_convertor(ANY_TEXT, _AnyText())
