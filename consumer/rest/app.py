"""The REST application: controllers, problem documents, OpenAPI."""

from collections.abc import Mapping
from typing import Any

from litestar import Litestar
from litestar.di import Provide

from consumer.rest.audits import AUDITS
from consumer.rest.common.parameters import refuse_unknown_parameters
from consumer.rest.contract_pages import contract_pages
from consumer.rest.entries import EntriesController
from consumer.rest.events import EventsController
from consumer.rest.exports import EXPORTS
from consumer.rest.health import HealthController, metrics
from consumer.rest.home import home, icon
from consumer.rest.jobs import job_routes
from consumer.rest.openapi import assets, openapi_config
from consumer.rest.partitions import PartitionsController
from consumer.rest.parts import RestParts
from consumer.rest.problems import EXCEPTION_HANDLERS
from consumer.rest.requests import RequestsController
from consumer.rest.total import TotalController


def route_of(scope: Mapping[str, Any]) -> str:
    """Return the template of the route that a call was led to, "" when there is none."""
    return str(scope.get("path_template", ""))


def build_app(parts: RestParts) -> Litestar:
    """Return the ASGI application."""
    return Litestar(
        route_handlers=[
            home,
            icon,
            assets(),
            metrics,
            contract_pages(),
            TotalController,
            EventsController,
            RequestsController,
            EntriesController,
            PartitionsController,
            job_routes(EXPORTS),
            job_routes(AUDITS),
            HealthController,
        ],
        dependencies={"parts": Provide(lambda: parts, sync_to_thread=False)},
        signature_types=[RestParts],
        before_request=refuse_unknown_parameters,
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=openapi_config(),
        logging_config=None,
        debug=False,
    )
