"""Asks a service whether it is ready: for the native stack, and alone in the images (``python healthcheck.py NAME``).

It imports nothing else of this package, so an image needs this one file only.
"""

import http.client
import os
import sys
from collections.abc import Mapping
from typing import Final

HEALTH_SERVICE: Final = "tally.v1.TallyService"
_PORTS: Final = {"TALLY_GRPC_PORT": (50051, 4), "TALLY_REST_PORT": (8000, 5)}
"""The default of each port, and its place after TALLY_PORT_BASE."""
_HOST: Final = "127.0.0.1"
_REQUEST_DEADLINE_S: Final = 2.0
_BODY_BYTES_MAX: Final = 4096


def port_of(setting: str, environment: Mapping[str, str]) -> int:
    """Return the port of a service: its setting, TALLY_PORT_BASE or the default decides, as in tally/base/addresses."""
    default, place = _PORTS[setting]
    base = environment.get("TALLY_PORT_BASE")
    return int(environment.get(setting) or (int(base) + place if base else default))


def producer_not_ready(port: int) -> str | None:
    """Return None when the producer's health is SERVING, else what it says or that it does not answer."""
    # Imported here: `status` of a stopped stack must not need 0.2 s for gRPC.
    import grpc  # noqa: PLC0415
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # noqa: PLC0415

    with grpc.insecure_channel(f"{_HOST}:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        request = health_pb2.HealthCheckRequest(service=HEALTH_SERVICE)
        try:
            status = health_pb2_grpc.HealthStub(channel).Check(request, timeout=_REQUEST_DEADLINE_S).status
        except grpc.RpcError as error:
            return f"no answer on port {port} ({error.code().name})"
    names = health_pb2.HealthCheckResponse.ServingStatus
    return None if status == health_pb2.HealthCheckResponse.SERVING else f"its health is {names.Name(status)}"


def consumer_not_ready(port: int) -> str | None:
    """Return None when GET /health/ready answers 200, else the reasons it gives."""
    connection = http.client.HTTPConnection(_HOST, port, timeout=_REQUEST_DEADLINE_S)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        body = answer.read(_BODY_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer on port {port} ({type(error).__name__})"
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return None
    return f"it answers {answer.status}: {' '.join(body.decode('utf-8', errors='replace').split())}"


def main(arguments: list[str]) -> int:
    """Tell by the exit code whether the service named first is ready, and print why not."""
    if arguments == ["producer"]:
        reason = producer_not_ready(port_of("TALLY_GRPC_PORT", os.environ))
    elif arguments == ["consumer"]:
        reason = consumer_not_ready(port_of("TALLY_REST_PORT", os.environ))
    else:
        print("usage: healthcheck.py producer|consumer", file=sys.stderr)
        return 2
    print(reason or "ready")
    return 0 if reason is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
