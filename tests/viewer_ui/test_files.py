"""The files of the web UI themselves; no browser needed."""

from __future__ import annotations

import re
from pathlib import Path

WEB = Path(__file__).parents[2] / "otelml" / "viewer" / "web" / "static"
OWN = sorted(
    file
    for file in WEB.rglob("*")
    if file.suffix in {".js", ".css", ".html"} and "vendor" not in file.parts
)


def test_every_module_is_preloaded_once() -> None:
    """A module that is not named in index.html would cost the first paint a round trip."""
    named = re.findall(
        r'rel="modulepreload" href="/static/([^"]+)"', (WEB / "index.html").read_text()
    )
    modules = {
        f"{folder}/{file.name}"
        for folder in ("components", "lib", "pages")
        for file in (WEB / folder).glob("*.js")
    }
    assert sorted(named) == sorted({*modules, "vendor/htm-preact.js", "vendor/htm.js"})


def test_every_import_names_a_file_that_exists() -> None:
    """Imports are relative and resolve; nothing is loaded from a network."""
    for file in OWN:
        if file.suffix == ".js":
            for target in re.findall(r'from "([^"]+)"', file.read_text()):
                assert (file.parent / target).resolve().is_file(), f"{file.name} imports {target}"


def test_nothing_names_a_network_address() -> None:
    """Every address is on the viewer itself, but for the XML namespace and loopback."""
    for file in OWN:
        found = re.findall(
            r"(?:https?:)?//[a-z0-9][a-z0-9.-]+",
            re.sub(r"^\s*//.*$", "", file.read_text(), flags=re.MULTILINE),
        )
        assert [each for each in found if "localhost" not in each] == [], file.name


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    """The size rule of the project holds for the web UI as well."""
    assert {
        file.name: count for file in OWN if (count := len(file.read_text().splitlines())) > 400
    } == {}


def test_vendored_files_have_their_licences() -> None:
    """Each vendored library is named with its version and keeps its licence."""
    readme = (WEB / "vendor" / "README.md").read_text()
    for name in (
        "htm-preact.js",
        "htm.js",
        "uplot.js",
        "uplot.css",
        "htm.LICENSE",
        "preact.LICENSE",
        "uplot.LICENSE",
    ):
        assert (WEB / "vendor" / name).is_file()
        assert name in readme


def test_index_has_no_inline_script_or_style() -> None:
    """The content security policy would refuse them."""
    page = (WEB / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", page) == []
    assert "<style" not in page
    assert " style=" not in page


def test_names_of_otelml_are_in_the_generated_file() -> None:
    """A name spelled in a page would be missed when it changes."""
    found = {
        f"{file.name}: {name}"
        for file in OWN
        if file.name != "names.js"
        for name in re.findall(r'"(ml\.[a-z_.]+)"', file.read_text())
    }
    assert found == set()


def test_no_module_keeps_markup() -> None:
    """Markup that is drawn twice would keep the tree alive in which it was drawn first."""
    found = {
        file.name
        for file in OWN
        if file.suffix == ".js"
        and re.search(r"^(?:export )?(?:const|let) \w+ = html`", file.read_text(), re.MULTILINE)
    }
    assert found == set()
