"""The composition of a publication: clients, credentials and the clock."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from codegen.errors import CodegenError
from codegen.kafka_admin import KafkaAdmin
from codegen.publish import Publisher
from common.registry_http import Credentials, RegistryHttp, SystemClock, masked

REQUEST_TIMEOUT_S = 10.0


@contextmanager
def open_publisher(
    registry_url: str,
    servers: str,
    kafka_properties: Mapping[str, str],
    environment: Mapping[str, str],
    *,
    timeout_s: float,
    say: Callable[[str], None],
) -> Iterator[Publisher]:
    """Yield a publisher and close its connections."""
    if not registry_url.startswith(("http://", "https://")):
        raise CodegenError(f"--registry is {masked(registry_url)!r}; allowed is an http:// or https:// address")
    clock = SystemClock()
    # One attempt a request: the publisher itself repeats until its deadline and tells so.
    http = RegistryHttp(
        registry_url, credentials=credentials(environment), timeout_s=REQUEST_TIMEOUT_S, attempts=1, clock=clock
    )
    try:
        yield Publisher(http, KafkaAdmin(servers, kafka_properties), clock, timeout_s, say)
    finally:
        http.close()


def credentials(environment: Mapping[str, str]) -> Credentials | None:
    """Return the credentials of the environment, if any."""
    found = Credentials(
        environment.get("TALLY_REGISTRY_USER", ""),
        environment.get("TALLY_REGISTRY_PASSWORD", ""),
        environment.get("TALLY_REGISTRY_TOKEN", ""),
    )
    return found if found.header() else None
