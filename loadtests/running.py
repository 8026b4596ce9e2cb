"""The system that the settings of the checkout name, on this machine or elsewhere."""

from loadtests.target import Target
from stack.checkout import settings_of_checkout, stack_addressed
from stack.parts.names import STAYING
from stack.system import Stack, engines_of
from tally.base.settings import load
from tally.cli.settings import ClientSettings


def running_system() -> Target:
    """Return the system that the settings name, and the processes of its native parts if it is the checkout's own.

    Raises StackError, SettingsError.
    """
    stack = stack_addressed(settings_of_checkout())
    asked = load(ClientSettings, grpc_port=stack.ports.grpc, rest_port=stack.ports.rest)
    observed = engines_of(stack).endpoints()
    return Target(
        grpc=asked.grpc_address,
        rest=asked.rest_address,
        kafka=stack.bootstrap_servers,
        registry=stack.registry_url,
        traces=observed.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        pids=_pids(stack) if asked.grpc_address == stack.grpc_target else {},
    )


def _pids(stack: Stack) -> dict[str, int]:
    return {part: pid for part in STAYING if (pid := stack.pid(part)) is not None}
