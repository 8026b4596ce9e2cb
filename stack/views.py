"""What `just up` and `just status` print."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from stack.logfiles import tail
from stack.observe import Engines
from stack.parts.engines import ENGINES, EngineName
from stack.parts.names import PORTS, STAYING, PartName
from stack.system import Stack
from tally.base.hints import hint

__all__ = ["SHOWN", "State", "engine_lines", "pages", "state_of", "table", "tail", "welcome"]

_KEPT: Final[Mapping[EngineName, str]] = {
    "victoria-metrics": "metrics",
    "victoria-logs": "logs",
    "jaeger": "traces",
    "prometheus": "alerts",
}
SHOWN: Final[tuple[PartName, ...]] = STAYING


@dataclass(frozen=True)
class State:
    """One line of the status."""

    part: PartName
    word: Literal["ready", "not ready", "crashed", "stopped"]
    pid: int | None = None
    port: int | None = None
    uptime_s: float | None = None
    reason: str = ""


def state_of(stack: Stack, part: PartName) -> State:
    """Return the state of a part as it is now."""
    port = stack.ports.by_name()[PORTS[part][0]]
    mark = stack.mark(part)
    pid = stack.pid(part)
    if mark is None:
        return State(part, "stopped", port=port)
    if pid is None:
        return State(part, "crashed", pid=mark.pid, port=port, reason="it ended without being stopped")
    uptime_s = time.time() - mark.started_at_s
    reason = stack.not_ready(part)
    return State(part, "not ready" if reason else "ready", pid, port, uptime_s, reason or "")


def table(states: list[State]) -> str:
    """Return the status, one line a part."""
    lines = [f"{'part':<10}{'state':<11}{'pid':>8}{'port':>7}  uptime"]
    for state in states:
        uptime = "" if state.uptime_s is None else duration(state.uptime_s)
        line = (
            f"{state.part:<10}{state.word:<11}{state.pid or '-':>8}{state.port or '-':>7}  {uptime:<10}{state.reason}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Return a duration as a person says it: ``45s``, ``3m 20s``, ``2h 5m``, ``3d 4h``."""
    whole = max(int(seconds), 0)
    for unit_s, unit, lower_s, lower in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= unit_s:
            return f"{whole // unit_s}{unit} {whole % unit_s // lower_s}{lower}"
    return f"{whole}s"


def welcome(stack: Stack) -> str:
    """Return the addresses of a stack that is up, and two lines to paste."""
    if not {"producer", "consumer"} <= set(stack.running()):
        return f"running: {', '.join(stack.running())}. Their ports are in `{hint('status')}`"
    request = f'{{"request_id":"{uuid.uuid4()}","a":"2","b":"40.5"}}'
    return f"""
Tally is up. Its data is in {stack.data_dir}

  gRPC        {stack.grpc_target}
  REST        {stack.rest_url}          open it: the total as it moves; its API's pages: {stack.rest_url}/schema
  Kafka       {stack.bootstrap_servers}
  registry    {stack.registry_url}

Add two numbers, then read the total:

  grpcurl -plaintext -d '{request}' {stack.grpc_target} tally.v1.TallyService/Add
  curl {stack.rest_url}/v1/total
"""


def engine_lines(engines: Engines) -> str:
    """Return a line for each engine that was started, "" when none was."""
    running = engines.running()
    lines = []
    for name in ENGINES:
        mark = engines.mark(name)
        if mark is not None:
            word = "crashed" if name not in running else "not ready" if engines.not_ready(name) else "ready"
            uptime = duration(time.time() - mark.started_at_s) if name in running else ""
            lines.append(f"{name:<17}{word:<11}{mark.pid:>8}{engines.port(name):>7}  {uptime}".rstrip() + "\n")
    return "".join(["\n", *lines]) if lines else ""


def pages(engines: Engines) -> str:
    """Return where to look and what to type once engines run."""
    running = engines.running()
    lines = [f"  {name:<18}{engines.page(name)}" for name in running]
    typed = {
        "victoria-logs": f"  {hint('run tally logs')} 'severity_text:ERROR'",
        "jaeger": f"  {hint('run tally trace REQUEST_ID')}",
    }
    return "\n".join(
        [
            f"\nReady: {', '.join(_KEPT[name] for name in running)}. Look here:\n",
            *lines,
            "\nor in this terminal:\n",
            *(line for name, line in typed.items() if name in running),
            "",
        ]
    )
