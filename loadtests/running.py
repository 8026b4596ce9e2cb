"""The system that runs on this machine, as the settings of the checkout describe it."""

from loadtests.target import Target
from stack.checkout import settings_of_checkout, stack_of
from stack.parts.names import STAYING
from stack.system import engines_of


def running_system() -> Target:
    """Return the system that the settings describe, with the processes of its native parts. Raises StackError."""
    stack = stack_of(settings_of_checkout())
    observed = engines_of(stack).endpoints()
    pids: dict[str, int] = {part: pid for part in STAYING if (pid := stack.pid(part)) is not None}
    return Target(
        grpc=stack.grpc_target,
        rest=stack.rest_url,
        kafka=stack.bootstrap_servers,
        registry=stack.registry_url,
        traces=observed.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        pids=pids,
    )
