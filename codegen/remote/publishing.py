"""The composition of a publication: clients, credentials and the clock."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from codegen.errors import CodegenError, UnreachableError
from codegen.plan.was import NOTHING, Was
from codegen.remote.kafka_admin import KafkaAdmin
from codegen.remote.publish import Publisher
from codegen.remote.registries import Target
from tally.kafka.config import KafkaConfigError, read_properties
from tally.registry.access import Access
from tally.registry.errors import RegistryError, RegistryRefused
from tally.registry.http import RegistryHttp

REQUEST_TIMEOUT_S = 10.0


@contextmanager
def open_publisher(
    where: Target,
    kafka_config: Path | None,
    environment: Mapping[str, str],
    *,
    timeout_s: float,
    say: Callable[[str], None],
    remembered: Was = NOTHING,
    against: Was = NOTHING,
) -> Iterator[Publisher]:
    """Yield a publisher and close its connections. Raises CodegenError.

    ``kafka_config`` is a client properties file; without it TALLY_KAFKA_CONFIG may name one.
    """
    properties = _kafka_properties(kafka_config, environment)
    # One attempt a request: the publisher itself repeats until its deadline and tells so.
    access = Access.of_environment(environment)
    with closing(RegistryHttp(where.url, access, timeout_s=REQUEST_TIMEOUT_S, attempts=1)) as http:
        kafka = KafkaAdmin(where.kafka, properties) if where.kafka else None
        yield Publisher(http, kafka, time, timeout_s, say, remembered=remembered, against=against)


def _kafka_properties(given: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    path = given or environment.get("TALLY_KAFKA_CONFIG")
    try:
        return read_properties(Path(path)) if path else {}
    except KafkaConfigError as error:
        raise CodegenError(str(error)) from error


@contextmanager
def open_registry(url: str, environment: Mapping[str, str], *, timeout_s: float) -> Iterator[RegistryHttp]:
    """Yield a registry to read from, failures as CodegenErrors, and close its connections."""
    with closing(RegistryHttp(url, Access.of_environment(environment), timeout_s=timeout_s)) as http:
        try:
            yield http
        except RegistryRefused as error:
            raise CodegenError(str(error)) from error
        except RegistryError as error:
            raise UnreachableError(str(error), error.kind) from error
