"""How the producer and the consumer are started, and how they tell that they are ready."""

import http.client
import json
import os
import sys
from collections.abc import Mapping
from typing import Final

from stack.ports import HOST

HEALTH_SERVICE: Final = "tally.v1.TallyService"
_REQUEST_DEADLINE_S: Final = 2.0


def command(service: str) -> list[str]:
    """Return the command line of a service."""
    return [sys.executable, "-m", service]


def publish_command(registry_url: str, bootstrap_servers: str) -> list[str]:
    """Return the command line of the step that publishes schemas and creates topics."""
    return [*command("codegen"), "publish", "--registry", registry_url, "--kafka", bootstrap_servers]


def foreign_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment without any setting of Tally, so that two stacks never mix theirs."""
    return {name: value for name, value in environment.items() if not name.startswith("TALLY_")}


def producer_not_ready(port: int) -> str | None:
    """Return None when the producer's health is SERVING, else what it says or that it does not answer."""
    # Imported here: `status` of a stopped stack must not need 0.2 s for gRPC.
    import grpc  # noqa: PLC0415
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # noqa: PLC0415

    with grpc.insecure_channel(f"{HOST}:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        request = health_pb2.HealthCheckRequest(service=HEALTH_SERVICE)
        try:
            status = health_pb2_grpc.HealthStub(channel).Check(request, timeout=_REQUEST_DEADLINE_S).status
        except grpc.RpcError as error:
            return f"no answer on port {port} ({error.code().name})"
    serving = health_pb2.HealthCheckResponse.SERVING
    return None if status == serving else f"its health is {health_pb2.HealthCheckResponse.ServingStatus.Name(status)}"


def consumer_not_ready(port: int) -> str | None:
    """Return None when GET /health/ready answers 200, else the reasons it gives."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_REQUEST_DEADLINE_S)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        body = answer.read(4096)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer on port {port} ({type(error).__name__})"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"it answers {answer.status}: {_one_line(body)}"


def _one_line(body: bytes) -> str:
    text = body.decode("utf-8", errors="replace")
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return " ".join(text.split())
