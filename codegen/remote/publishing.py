"""The composition of a publication: clients, credentials and the clock."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from codegen.errors import CodegenError, UnreachableError
from codegen.plan.judge import OldVersion
from codegen.remote.kafka_admin import KafkaAdmin
from codegen.remote.publish import Publisher
from codegen.remote.surveyor import NOTHING
from tally.registry.access import Access
from tally.registry.errors import RegistryError, RegistryRefused
from tally.registry.http import RegistryHttp

REQUEST_TIMEOUT_S = 10.0


@contextmanager
def open_publisher(
    registry_url: str,
    servers: str,  # empty: topics are left alone
    kafka_properties: Mapping[str, str],
    environment: Mapping[str, str],
    *,
    timeout_s: float,
    say: Callable[[str], None],
    against: Mapping[str, Sequence[OldVersion]] = NOTHING,
) -> Iterator[Publisher]:
    """Yield a publisher and close its connections."""
    # One attempt a request: the publisher itself repeats until its deadline and tells so.
    access = Access.of_environment(environment)
    with closing(RegistryHttp(registry_url, access, timeout_s=REQUEST_TIMEOUT_S, attempts=1)) as http:
        kafka = KafkaAdmin(servers, kafka_properties) if servers else None
        yield Publisher(http, kafka, time, timeout_s, say, against=against)


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
