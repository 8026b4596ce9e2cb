"""The broker's own metrics, by an agent that is loaded into its Java while engines observe it.

An agent that is named when the broker starts would void its ahead-of-time cache: 1.9 s of CPU become 4.5. Loaded into
a broker that runs it takes a fifth of a second, and 60 MB of memory at its first scrapes; a broker that nobody
observes pays nothing. It stays until the broker ends: Java cannot unload it.
"""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from stack.errors import StackError
from stack.ports import HOST

CONFIGURATION: Final = Path(__file__).resolve().parents[2] / "observability" / "jmx_exporter" / "kafka.yml"

_LOAD_DEADLINE_S: Final = 30.0
_SHOWN_DEADLINE_S: Final = 15.0
_REQUEST_DEADLINE_S: Final = 5.0
_POLL_S: Final = 0.05
_SELF: Final = "jmx_exporter_build_info"


@dataclass(frozen=True)
class Agent:
    """The agent's jar and the JDK that loads it."""

    java: Path
    jar: Path


def are_shown(port: int) -> bool:
    """Tell whether an agent answers on a port."""
    address = f"http://{HOST}:{port}/metrics"
    try:
        answer = httpx.get(address, params={"name[]": _SELF}, timeout=_REQUEST_DEADLINE_S, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK and _SELF in answer.text


def show(agent: Agent, pid: int, port: int) -> None:
    """Load the agent into a Java that runs, and return when it answers. Raises StackError."""
    jcmd = agent.java / "bin" / "jcmd"
    command = [str(jcmd), str(pid), "JVMTI.agent_load", str(agent.jar), f"{HOST}:{port}:{CONFIGURATION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LOAD_DEADLINE_S, check=False)
    except FileNotFoundError:
        raise StackError(f"{jcmd} is not there: TALLY_JAVA=bundled has it, and any JDK, but not a mere JRE") from None
    except subprocess.TimeoutExpired:
        raise StackError(f"the broker did not take the agent within {_LOAD_DEADLINE_S:.0f} s") from None
    if done.returncode != 0:
        raise StackError(f"the broker did not take the agent: {(done.stdout + done.stderr).strip()[-500:]}")
    until_s = time.monotonic() + _SHOWN_DEADLINE_S
    while not are_shown(port):
        if time.monotonic() > until_s:
            raise StackError(f"the agent does not answer on port {port}: the end of the broker's log tells why")
        time.sleep(_POLL_S)
