"""``/contracts``: the pages that ``codegen docs`` made of the contracts, as plain files of this program."""

from pathlib import Path
from typing import Final

from litestar import Router
from litestar.static_files import create_static_files_router

from contracts import generated

_PATH: Final = "/contracts"


def contract_pages() -> Router:
    """Return the handler; ``/contracts`` itself is the index."""
    folder = Path(generated.__file__).parents[1] / "pages"
    return create_static_files_router(path=_PATH, directories=[folder], html_mode=True, include_in_schema=False)
