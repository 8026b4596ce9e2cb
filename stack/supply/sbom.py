"""A list of parts as a CycloneDX document: the same list gives the same bytes, on every machine and at any time."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from stack.supply.bills import Bill, Part
from stack.supply.licences import LicenceError, Rules, licence_of

_NAMESPACE: Final = uuid.UUID("0d9b6f5e-5c0b-5b53-9d43-5a4b7a1c7f1e")
"""Serial numbers are made below it, from a document's content."""


def licences(bills: Iterable[Bill], known: Rules) -> dict[str, str]:
    """Return the licence of each part by its URL. Raises LicenceError, which names every part that is refused."""
    found: dict[str, str] = {}
    refused: list[str] = []
    for part in sorted({part for bill in bills for part in bill.parts}, key=lambda part: part.url):
        try:
            found[part.url] = licence_of(part.url.partition("@")[0], part.words, known)
        except LicenceError as error:
            refused.append(str(error))
    if refused:
        raise LicenceError("\n".join(refused))
    return found


def document(bill: Bill, licence_by_url: Mapping[str, str], made_at_s: int | None = None) -> str:
    """Return a list as CycloneDX 1.6 in JSON.

    It has no time unless it is given one, in seconds since 1970, and its serial number is made from its content.
    """
    tally = Component(name=f"tally-{bill.name}", version=bill.version, type=ComponentType(bill.kind), bom_ref=bill.name)
    components = {part.url: _component(part, licence_by_url[part.url]) for part in bill.parts}
    bom = Bom(components=components.values(), serial_number=uuid.UUID(int=0))
    bom.metadata.component = tally
    moment = None if made_at_s is None else datetime.fromtimestamp(made_at_s, UTC)
    bom.metadata.timestamp = moment  # type: ignore[assignment]  # without a time the output has none
    bom.register_dependency(tally, [components[url] for url in bill.needs])
    for part in bill.parts:
        bom.register_dependency(components[part.url], [components[url] for url in part.needs])
    bom.serial_number = uuid.uuid5(_NAMESPACE, _text(bom))
    return _text(bom)


def _component(part: Part, licence: str) -> Component:
    url = PackageURL.from_string(part.url)
    return Component(
        name=url.name,
        group=url.namespace,
        version=url.version,
        type=ComponentType(part.kind),
        bom_ref=part.url,
        purl=url,
        licenses=[LicenseExpression(licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)] if part.sha256 else [],
        properties=[Property(name="tally:remark", value=part.remark)] if part.remark else [],
    )


def _text(bom: Bom) -> str:
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"
