"""What every call of REST passes on its way to a handler, from the outside in: measured, checked, led to its method."""

from consumer.rest.app import build_app, route_of
from consumer.rest.common.methods import EveryMethod
from consumer.rest.guard.guarded import GuardedHttp, GuardLimits
from consumer.rest.guard.hosts import allowed_names
from consumer.rest.parts import RestParts
from consumer.settings import ConsumerSettings
from observability.asgi import App, ObservedHttp
from observability.telemetry import Telemetry


def http_application(parts: RestParts, settings: ConsumerSettings, telemetry: Telemetry) -> App:
    """Return the ASGI application as it is served."""
    limits = GuardLimits(
        names=allowed_names(settings.rest_host, settings.owner_url, settings.rest_host_names),
        own_url=settings.owner_url,
        body_timeout_s=settings.rest_body_timeout_ms / 1000,
    )
    return ObservedHttp(GuardedHttp(EveryMethod(build_app(parts)), limits), telemetry, route_of)
