"""``python -m licenses.sbom``: a software bill of materials, CycloneDX 1.6 as JSON.

In it: each distribution of the running environment, what is vendored for the viewer with the digest
of each file, and the modules, packages and jars of the engines, as ``licenses`` lists them.
"""

# The library makes its constructors at run time, which pyright does not see.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

from licenses.__main__ import check
from licenses.parts import ROOT, Part, vendored

VENDOR: Final = ROOT / "otelml/viewer/web/static/vendor"
_TYPES: Final = {"python": "pypi", "go": "golang", "npm": "npm", "java": "maven"}
_LICENCES: Final = LicenseFactory()


def bill() -> Bom:
    """Return the bill of materials of this checkout and its environment."""
    root = Component(
        name="otelml", version=_own_version(), type=ComponentType.LIBRARY,
        licenses=[_LICENCES.make_from_string("Apache-2.0")],
        purl=PackageURL("pypi", None, "otelml", _own_version()), bom_ref="otelml",
    )  # fmt: skip
    made = Bom()
    made.metadata.component = root
    parts, _ = check()
    components = {_ref(part): _component(part) for part in parts}
    for component in components.values():
        made.components.add(component)
    for component in _files():
        made.components.add(component)
    python = {p.name: components[_ref(p)] for p in parts if p.kind == "python"}
    made.register_dependency(root, _known(_requirements("otelml"), python))
    for name, component in python.items():
        made.register_dependency(component, _known(_requirements(name), python))
    return made


def _own_version() -> str:
    text = (ROOT / "otelml/_version.py").read_text("utf-8")
    return text.partition('"')[2].partition('"')[0].rstrip() if '__version__ = "' in text else "0"


def _ref(part: Part) -> str:
    return f"{part.kind}:{part.name}@{part.version}"


def _component(part: Part) -> Component:
    space, _, name = part.name.rpartition("/")
    licences = [_LICENCES.make_from_string(part.licence)] if part.licence else []
    return Component(
        name=part.name, version=part.version, type=ComponentType.LIBRARY, licenses=licences,
        purl=PackageURL(_TYPES[part.kind], space or None, name, part.version), bom_ref=_ref(part),
    )  # fmt: skip


def _files() -> Iterator[Component]:
    """Yield the vendored files, each with its digest."""
    versions = dict(vendored())
    for path in sorted((*VENDOR.glob("*.js"), *VENDOR.glob("*.css"))):
        package = path.name.partition("-")[0].partition(".")[0]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        yield Component(
            name=f"vendor/{path.name}", version=versions[package], type=ComponentType.FILE,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            properties=[Property(name="otelml:package", value=f"npm:{package}")],
            bom_ref=f"file:{path.name}",
        )  # fmt: skip


def _requirements(name: str) -> Iterator[str]:
    found: Distribution | None = next(iter(distributions(name=name)), None)
    for text in (found.requires or ()) if found is not None else ():
        yield Requirement(text).name.lower()


def _known(names: Iterable[str], python: dict[str, Component]) -> list[Component]:
    return [python[name] for name in sorted(set(names)) if name in python]


def main(arguments: list[str]) -> int:
    """Write to the path that is given, ``sbom.json`` by default; return the exit code."""
    path = Path(arguments[0] if arguments else "sbom.json")
    made = bill()
    path.write_text(JsonV1Dot6(made).output_as_string(indent=2) + "\n", "utf-8")
    print(f"{path}: {len(made.components)} components, CycloneDX 1.6")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
