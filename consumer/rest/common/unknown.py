"""What a browser gets where there is no page, and the icon of all pages."""

import re
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final
from urllib.parse import quote

from litestar import MediaType, Request, Response
from litestar.exceptions import NotFoundException

from consumer.rest.guard.headers import page_policy
from tally.base.shown.values import quoted

_FOLDER: Final = Path(__file__).parents[1] / "page"
ICON_SVG: Final = (_FOLDER / "icon.svg").read_text(encoding="utf-8").strip()
_PAGE: Final = Template((_FOLDER / "unknown.html").read_text(encoding="utf-8"))
_POLICY: Final = page_policy(_PAGE.template)
_NAME_BYTES_MAX: Final = 255
"""What file systems take for one name."""
_PATH_BYTES_MAX: Final = 1_024
"""A quarter of what Linux takes, for there is a folder before it."""
_WEIGHT: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")

ICON_URL: Final = "data:image/svg+xml," + quote(ICON_SVG, safe="/:=' ")
"""The icon as pages hold it, which then load nothing for it."""


async def refuse_unreadable_name(request: Request[Any, Any, Any]) -> None:
    """Answer 404 where a path cannot be a file's, before the disk is asked, which would raise what is no 404."""
    path: str = request.scope["path"]
    pieces = path.split("/")
    if (
        not path.isprintable()
        or len(path.encode()) > _PATH_BYTES_MAX
        or any(len(piece.encode()) > _NAME_BYTES_MAX for piece in pieces)
    ):
        raise NotFoundException


def wants_page(accept: str) -> bool:
    """Tell whether a caller would rather have a page than a problem document: a browser names text/html."""
    ranks = dict(_ranked(part) for part in accept.split(","))
    page = ranks.get("text/html", 0.0)
    return page > 0.0 and page >= max(ranks.get("application/json", 0.0), ranks.get("application/problem+json", 0.0))


def _ranked(part: str) -> tuple[str, float]:
    """Return a media type of an Accept header and its weight (RFC 9110); one that cannot be read weighs nothing."""
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
    return kind, float(weight) if _WEIGHT.fullmatch(weight) else 0.0


def unknown_page(path: str) -> Response[str]:
    """Return the page that says that there is none."""
    page = _PAGE.substitute(path=escape(quoted(path)), icon=escape(ICON_URL))
    return Response(page, status_code=404, media_type=MediaType.HTML, headers={"Content-Security-Policy": _POLICY})
