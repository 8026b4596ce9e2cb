"""``/contracts/``: the pages that ``codegen docs`` made of the contracts, as plain files of this program."""

from pathlib import Path
from typing import Any, Final

from litestar import Request, Router
from litestar.response import Redirect
from litestar.static_files import create_static_files_router
from litestar.status_codes import HTTP_308_PERMANENT_REDIRECT

from consumer.rest.common.unknown import refuse_unreadable_name
from consumer.rest.guard.headers import page_policy

_PATH: Final = "/contracts"
_FOLDER: Final = Path(__file__).resolve().parents[2] / "contracts" / "pages"
_POLICY: Final = page_policy(*(page.read_text(encoding="utf-8") for page in _FOLDER.glob("*.html")))


def contract_pages() -> Router:
    """Return the handler; ``/contracts/`` itself is the index."""
    return create_static_files_router(
        path=_PATH,
        directories=[_FOLDER],
        html_mode=True,
        include_in_schema=False,
        before_request=_to_own_address,
        after_request=_with_policy,
    )


async def _with_policy(answer: Any) -> Any:
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


async def _to_own_address(request: Request[Any, Any, Any]) -> Redirect | None:
    """Redirect to the address that a page's links are written for: they are relative, and the routing ignores slashes.

    The index is a folder and ends with a slash, a page is a file and does not.
    """
    await refuse_unreadable_name(request)
    asked = request.scope["raw_path"].partition(b"?")[0].decode("latin-1")
    name = request.scope["path"].rpartition("/")[2]
    if asked.endswith("//"):
        return _moved(f"{request.scope['root_path']}{asked.rstrip('/')}/")
    if request.scope["path"] == _PATH:
        # Relative as well: it holds behind a proxy that puts a prefix before all paths.
        return None if asked.endswith(f"{_PATH}/") else _moved(f"{_PATH[1:]}/")
    return _moved(f"../{name}") if asked.endswith("/") else None


def _moved(where: str) -> Redirect:
    return Redirect(where, status_code=HTTP_308_PERMANENT_REDIRECT)
