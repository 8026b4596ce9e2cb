"""The composition of a publication: clients, credentials and the clock."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from codegen.errors import CodegenError, UnreachableError
from codegen.plan.judge import OldVersion
from codegen.remote.kafka_admin import KafkaAdmin
from codegen.remote.publish import Publisher
from codegen.remote.surveyor import NOTHING
from tally.registry.http import (
    Credentials,
    RegistryError,
    RegistryHttp,
    RegistryRefused,
    RegistryTlsError,
    SystemClock,
)
from tally.registry.tls import TlsFiles

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
    clock = SystemClock()
    # One attempt a request: the publisher itself repeats until its deadline and tells so.
    http = RegistryHttp(
        registry_url,
        credentials=credentials(environment),
        timeout_s=REQUEST_TIMEOUT_S,
        attempts=1,
        clock=clock,
        verify=tls(environment),
    )
    try:
        kafka = KafkaAdmin(servers, kafka_properties) if servers else None
        yield Publisher(http, kafka, clock, timeout_s, say, against=against)
    finally:
        http.close()


@contextmanager
def open_registry(url: str, environment: Mapping[str, str], *, timeout_s: float) -> Iterator[RegistryHttp]:
    """Yield a registry to read from, failures as CodegenErrors, and close its connections."""
    http = RegistryHttp(url, credentials=credentials(environment), timeout_s=timeout_s, verify=tls(environment))
    try:
        yield http
    except RegistryRefused as error:
        raise CodegenError(str(error)) from error
    except RegistryError as error:
        raise UnreachableError(str(error), error.kind) from error
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


def tls(environment: Mapping[str, str]) -> ssl.SSLContext | bool:
    """Return how to verify the registry and to show who we are. Raises UnreachableError for files that are none."""
    files = TlsFiles(
        environment.get("TALLY_REGISTRY_CA", ""),
        environment.get("TALLY_REGISTRY_CERT", ""),
        environment.get("TALLY_REGISTRY_KEY", ""),
        environment.get("TALLY_REGISTRY_KEY_PASSWORD", ""),
    )
    try:
        return files.context() or True
    except RegistryTlsError as error:
        raise UnreachableError(str(error), error.kind) from error
