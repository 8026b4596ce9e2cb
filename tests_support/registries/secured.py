"""The real registry with TLS and a password, as one process on loopback.

Client certificates are not asked for: Quarkus fixes ``quarkus.http.ssl.client-auth`` when the registry is built.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from stack.parts.components import Components
from stack.ports import HOST, Ports
from tally.base.addresses import REGISTRY_PATH
from tally.registry.access import Access
from tests_support.registries.tls import TlsFolder
from tests_support.waiting import eventually

USER: Final = "me"
PASSWORD: Final = "hush-4711"
_READY_S: Final = 90.0
_END_S: Final = 30.0


@contextmanager
def secured_registry(folder: Path, tls: TlsFolder) -> Iterator[str]:
    """Yield its address; only USER with PASSWORD may ask. It keeps its data below ``folder``."""
    components, ports = Components(), Ports.free()
    components.fetch(("registry",), lambda _: None)
    registry = components.registry(folder, ports)
    registry.prepare()
    port = Ports.free().registry
    added = {
        "quarkus.http.ssl-port": port,
        "quarkus.http.insecure-requests": "disabled",
        "quarkus.http.ssl.certificate.files": tls.folder / "server.pem",
        "quarkus.http.ssl.certificate.key-files": tls.folder / "server.key",
        "quarkus.oidc.tenant-enabled": "false",
        "quarkus.http.auth.basic": "true",
        "quarkus.security.users.embedded.enabled": "true",
        "quarkus.security.users.embedded.plain-text": "true",
        f"quarkus.security.users.embedded.users.{USER}": PASSWORD,
        "quarkus.http.auth.permission.all.paths": "/apis/*",
        "quarkus.http.auth.permission.all.policy": "authenticated",
    }
    java, *rest = registry.command()
    command = [java, *(f"-D{name}={value}" for name, value in added.items()), *rest]
    url, log = f"https://{HOST}:{port}{REGISTRY_PATH}", folder / "registry.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        context = Access(ca=str(tls.authority)).tls()
        assert context is not None

        def answers() -> bool:
            assert process.poll() is None, log.read_text(errors="replace")
            return httpx.get(f"{url}/subjects", verify=context).status_code == httpx.codes.UNAUTHORIZED

        eventually(answers, _READY_S, "the registry asks for a password", retry_on=(httpx.TransportError,))
        yield url
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_END_S)
