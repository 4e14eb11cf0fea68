"""From the text of a licence, or from what a package says of it, to its SPDX identifier."""

from __future__ import annotations

import re
from typing import Final

# Each is tried in this order on the text, its white space folded and in lower case.
_MARKS: Final = (
    ("AGPL-3.0", r"^.{0,200}gnu affero general public license"),
    ("SSPL-1.0", r"^.{0,200}server side public license"),
    ("BUSL-1.1", r"^.{0,200}business source license"),
    ("LGPL-3.0", r"^.{0,200}gnu lesser general public license version 3"),
    ("LGPL-2.1", r"^.{0,200}gnu lesser general public license"),
    ("GPL-3.0", r"^.{0,200}gnu general public license version 3"),
    ("GPL-2.0", r"^.{0,200}gnu general public license"),
    ("MPL-2.0", r"mozilla public license,? version 2"),
    ("EPL-2.0", r"eclipse public license - v ?2"),
    ("Apache-2.0", r"apache license,?( version 2|, version 2| version 2)"),
    ("Unlicense", r"this is free and unencumbered software"),
    ("CC0-1.0", r"cc0 1\.0 universal"),
    ("CC-BY-4.0", r"attribution 4\.0 international"),
    (
        "BSD-3-Clause",
        r"redistribution and use in source and binary forms.*(neither the name|endorse or promote)",
    ),
    ("BSD-2-Clause", r"redistribution and use in source and binary forms"),
    ("ISC", r"permission to use, copy, modify,? and/?(or)? distribute this software"),
    ("MIT", r"permission is hereby granted, free of charge, to any person obtaining"),
    ("Zlib", r"altered source versions must be plainly marked"),
    ("BlueOak-1.0.0", r"blue oak model license"),
)  # fmt: skip

_NAMES: Final = (
    ("AGPL-3.0", r"affero|agpl"),
    ("SSPL-1.0", r"sspl|server side public"),
    ("BUSL-1.1", r"busl|business source"),
    ("LGPL", r"lesser general|lgpl|library or lesser"),
    ("MPL-2.0", r"mozilla|mpl"),
    ("Apache-2.0", r"apache"),
    ("BSD-3-Clause", r"\bbsd|3-clause|new bsd|modified bsd"),
    ("MIT", r"\bmit\b|mit license|expat"),
    ("ISC", r"\bisc\b|isc license"),
    ("PSF-2.0", r"python software foundation|psf"),
    ("Unlicense", r"unlicense"),
    ("CC0-1.0", r"cc0|public domain"),
    ("EPL-2.0", r"eclipse public|epl"),
    ("GPL", r"general public|gpl"),
    ("HPND", r"historical permission|hpnd"),
    ("Zlib", r"zlib"),
)


def of_text(text: str) -> str:
    """Return the identifier of a licence's text; empty where it is none that is known."""
    folded = re.sub(r"[\s*#/]+", " ", text).strip().lower()
    return next((name for name, mark in _MARKS if re.search(mark, folded)), "")


def of_name(name: str) -> str:
    """Return the identifier of what a package calls its licence; empty where that says nothing."""
    lowered = name.lower()
    return next((spdx for spdx, mark in _NAMES if re.search(mark, lowered)), "")


_ACCEPTED: Final = frozenset((
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "CC-BY-4.0", "CC0-1.0",
    "CNRI-Python", "EPL-2.0", "GPL", "GPL-2.0", "GPL-3.0", "HPND", "ISC", "LGPL", "LGPL-2.1",
    "LGPL-3.0", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Python-2.0", "Unlicense",
    "ZPL-2.1", "Zlib",
))  # fmt: skip


def is_accepted(expression: str) -> bool:
    """Whether a licence, or an SPDX expression of several, is open source and not the AGPL.

    Of what ``OR`` joins, one is enough; of what ``AND`` joins, each must be accepted. An exception
    (``WITH``) only grants more.
    """
    tokens = re.findall(r"[()]|[^\s()]+", expression)
    return bool(tokens) and _either(tokens)


def _either(tokens: list[str]) -> bool:
    found = _all(tokens)
    while tokens and tokens[0].upper() == "OR":
        tokens.pop(0)
        found = _all(tokens) or found
    return found


def _all(tokens: list[str]) -> bool:
    found = _one(tokens)
    while tokens and tokens[0].upper() == "AND":
        tokens.pop(0)
        found = _one(tokens) and found
    return found


def _one(tokens: list[str]) -> bool:
    word = tokens.pop(0) if tokens else ""
    if word == "(":
        found = _either(tokens)
        del tokens[:1]  # the closing one
        return found
    if tokens and tokens[0].upper() == "WITH":
        del tokens[:2]
    return re.sub(r"(-only|-or-later|\+)$", "", word) in _ACCEPTED
