"""OpenAPI: the document, and Swagger UI from this machine, without the internet.

The packaged Swagger UI (4.15) reads OpenAPI 3.0, and Litestar writes 3.1. The page gets the same document under the
older version's number; what it does not know of 3.1 it ignores. ``/schema/openapi.json`` is the 3.1 document itself.
"""

from pathlib import Path
from typing import Any, Final

import swagger_ui_bundle  # type: ignore[import-untyped] # the package holds files only
from litestar import Request, Router, get
from litestar.exceptions import NotFoundException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin, YamlRenderPlugin
from litestar.static_files import create_static_files_router

from consumer.rest.common.unknown import refuse_unreadable_name
from consumer.rest.guard.headers import policy

_PATH: Final = "/schema"
_ASSETS: Final = f"{_PATH}/assets"
_API_VERSION: Final = "1.0.0"
"""Of what /v1 promises, whatever the version of the program."""
_READ_BY_THE_PAGE: Final = "3.0.3"
_SCRIPT: Final = "page.js"
_POLICY: Final = policy(
    "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data:", "connect-src 'self'"
)
"""Swagger UI sets styles on its elements; its scripts are files, and so is what begins it."""
_PAGE: Final = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tally: the API</title>
<link rel="icon" type="image/png" href="{_ASSETS}/favicon-32x32.png">
<link rel="stylesheet" href="{_ASSETS}/swagger-ui.css">
</head>
<body>
<div id="swagger-container"></div>
<script src="{_ASSETS}/swagger-ui-bundle.js"></script>
<script src="{_PATH}/{_SCRIPT}"></script>
</body>
</html>
"""
_BEGIN: Final = """SwaggerUIBundle({
  spec: %s,
  dom_id: "#swagger-container",
  deepLinking: true,
  showExtensions: true,
  showCommonExtensions: true,
  validatorUrl: null,
});
"""


class _LocalSwaggerPlugin(OpenAPIRenderPlugin):
    """Swagger UI whose scripts and styles come from here, none of them within the page."""

    def __init__(self) -> None:
        super().__init__(path=["/", "/swagger"])

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page."""
        return _PAGE.encode()

    def receive_router(self, router: Router) -> None:
        """Add the script that begins Swagger UI, with the document in it."""

        @get(f"/{_SCRIPT}", media_type="text/javascript", include_in_schema=False, sync_to_thread=False)
        def page_script(request: Request[Any, Any, Any]) -> bytes:
            document = {**request.app.openapi_schema.to_schema(), "openapi": _READ_BY_THE_PAGE}
            return (_BEGIN % self.render_json(request, document).decode()).encode()

        router.register(page_script)


def openapi_config() -> OpenAPIConfig:
    """Return the configuration of ``/schema``."""
    return OpenAPIConfig(
        title="Tally",
        version=_API_VERSION,
        description="The total of all acknowledged sums, each counted exactly once, and the ledger behind it.",
        openapi_router=Router(
            _PATH,
            route_handlers=[],
            include_in_schema=False,
            before_request=_refuse_unknown_page,
            response_headers={"Content-Security-Policy": _POLICY},
        ),
        render_plugins=[_LocalSwaggerPlugin(), JsonRenderPlugin(), YamlRenderPlugin()],
        use_handler_docstrings=True,
    )


async def _refuse_unknown_page(request: Request[Any, Any, Any]) -> None:
    """Leave unknown addresses to what answers them everywhere: Litestar has a page of its own for those of here."""
    if "path" in request.path_params:
        raise NotFoundException


def assets() -> Router:
    """Return the handler for the page's scripts and styles."""
    return create_static_files_router(
        path=_ASSETS, directories=[_directory()], include_in_schema=False, before_request=refuse_unreadable_name
    )


def _directory() -> Path:
    found = sorted((Path(swagger_ui_bundle.__file__).parent / "vendor").glob("swagger-ui-*"))
    assert found, "the package swagger-ui-bundle carries a Swagger UI"
    return found[-1]
