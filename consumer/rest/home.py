"""``/``: the product's own page, for an engineer or auditor who has never seen it.

One answer holds all of it: markup, style and script are put together at import, and the Content-Security-Policy lets in
nothing but these, by their hashes. The server writes the picture of the moment into it, so that it is readable without
JavaScript too; the script keeps it moving.
"""

from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency

from consumer.core.snapshot import total_of
from consumer.rest.answers import PartitionAnswer
from consumer.rest.common.unknown import ICON_SVG, ICON_URL
from consumer.rest.guard.headers import hash_of, policy
from consumer.rest.partitions import partition_answer
from consumer.rest.parts import RestParts, now
from tally.event.decimals import text_of
from tally.ledger.exports.formats import ExportFormat

_SVG: Final = "image/svg+xml"
_FOLDER: Final = Path(__file__).parent / "page"


def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


_STYLE, _SCRIPT = _part("home.css"), _part("home.js")
_PAGE: Final = Template(_part("home.html"))
_HEADERS: Final = {
    "Content-Security-Policy": policy(
        f"style-src {hash_of(_STYLE)}", f"script-src {hash_of(_SCRIPT)}", "connect-src 'self'", "img-src data:"
    ),
    "Cache-Control": "no-store",
}


@get("/", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=True)
def home(request: Request[Any, Any, Any], parts: NamedDependency[RestParts]) -> Response[str]:
    """Return the page."""
    total = total_of(parts.board.snapshot, parts.board.outside)
    reasons = [
        f"{each.part}: {each.reason}" + (f". What to do: {each.cure}" if each.cure else "") for each in parts.unready()
    ]
    counts = total.counts
    page = _PAGE.substitute(
        icon=escape(ICON_URL),
        style=_STYLE,
        script=_SCRIPT,
        total=text_of(counts.total),
        whole="Complete: the sum over all partitions."
        if total.complete
        else "Not complete: a partition is not known, see below.",
        as_of=now(),
        link="",
        count=f"{counts.counted:,}",
        duplicates=f"{counts.duplicates:,}",
        conflicts=f"{counts.conflicts:,}",
        poison=f"{counts.poison:,}",
        empty_hidden=" hidden" if counts.rows else "",
        trouble_hidden="" if reasons else " hidden",
        reasons="".join(f"<li>{escape(reason)}</li>" for reason in reasons),
        formats="".join(f"<option>{form}</option>" for form in ExportFormat),
        partitions="".join(_row(partition_answer(parts, number)) for number in range(parts.partitions)),
        origin=escape(str(request.base_url).rstrip("/")),
    )
    return Response(page, media_type=MediaType.HTML, headers=_HEADERS)


@get("/favicon.ico", include_in_schema=False, media_type=_SVG, sync_to_thread=False)
def icon() -> Response[str]:
    """Return the icon, for pages that do not hold it: browsers ask for this address by themselves."""
    return Response(ICON_SVG, media_type=_SVG, headers={"Cache-Control": "max-age=86400"})


def _row(each: PartitionAnswer) -> str:
    words = ". What to do: ".join(filter(None, (each.reason, each.cure)))
    if not words and each.owner_url and each.files == [] and each.state == "ELSEWHERE":
        words = f"another replica has it: {each.owner_url}"
    cells = [
        each.partition,
        each.state.value,
        _known(each.count),
        each.total,
        _known(each.next_offset),
        _known(each.lag),
    ]
    shown = "".join(f"<td>{escape('not known' if cell is None else str(cell))}</td>" for cell in cells)
    return f'<tr>{shown}<td class="words">{escape(words)}</td></tr>'


def _known(number: int | None) -> str | None:
    return None if number is None else f"{number:,}"
