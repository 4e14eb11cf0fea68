"""Print the licence of every part and refuse those that are not open source, or are the AGPL.

``python -m licenses`` checks; ``python -m licenses --update`` writes what Go's module cache says
into ``parts.tsv`` first, and keeps what is written there by hand.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter

from licenses.built import licence_in_cache, linked
from licenses.parts import TABLE, Part, installed, needed, recorded
from licenses.texts import is_accepted


def wanted() -> set[tuple[str, str, str]]:
    """Return kind, name and version of all parts outside Python, those in built engines too."""
    found = set(needed())
    if shutil.which("go"):
        found |= {("go", name, version) for name, version in linked()}
    return found


def update() -> None:
    """Write the table anew."""
    before, rows = recorded() if TABLE.exists() else {}, []
    for kind, name, version in sorted(wanted()):
        licence = before.get((kind, name, version), "")
        if not licence and kind == "go":
            licence = licence_in_cache(name, version)
        rows.append(f"{kind}\t{name}\t{version}\t{licence}")
    TABLE.write_text("kind\tname\tversion\tlicence\n" + "\n".join(rows) + "\n", "utf-8")


def check() -> tuple[list[Part], list[str]]:
    """Return all parts, and what is wrong with some."""
    known = recorded()
    overrides = {name: licence for (kind, name, _), licence in known.items() if kind == "python"}
    parts = [p._replace(licence=overrides.get(p.name) or p.licence) for p in installed()]
    parts += [Part(*key, known.get(key, "")) for key in sorted(wanted())]
    wrong = [
        f"{p.kind} {p.name} {p.version}: {p.licence or 'no licence known'}"
        for p in parts
        if not is_accepted(p.licence)
    ]
    return parts, wrong


def main(arguments: list[str]) -> int:
    """Run; return the exit code."""
    if "--update" in arguments:
        update()
    parts, wrong = check()
    if "--all" in arguments:
        for part in parts:
            print(f"{part.kind:7}{part.name} {part.version}  {part.licence}")
    counts = Counter((part.kind, part.licence) for part in parts)
    print(f"{'parts':>6}  {'of':7}licence")
    for (kind, licence), count in sorted(counts.items()):
        print(f"{count:6}  {kind:7}{licence or '(unknown)'}")
    if wrong:
        print("\nnot accepted: not open source, the AGPL, or unknown", file=sys.stderr)
        print(*(f"  {line}" for line in wrong), sep="\n", file=sys.stderr)
        print("a part outside Python needs a row in licenses/parts.tsv", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
