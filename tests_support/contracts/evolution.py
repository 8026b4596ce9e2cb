"""The next version of the contracts in a copy of their folder, and the services on it beside those of this version.

The library with the generated code is found before the checkout's own on PYTHONPATH: everything else of a service stays
what it is.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from stack import Stack
from stack.system import ROOT
from tests_support.contracts.codegen_command import codegen
from tests_support.producer.process import ProducerProcess
from tests_support.running.stacks import make_stack

SUBJECT: Final = "tally.sums.v1-value"
CHANNEL: Final = {
    "name": "channel",
    "doc": "Which interface the addition came through.",
    "type": {"type": "enum", "name": "Channel", "symbols": ["UNKNOWN", "GRPC", "FILE"]},
    "default": "UNKNOWN",
}
"""One byte wide in every record, so batches of the next version are read as columns too."""


class NextContracts:
    """A copy of the contracts' folder, to be changed as an author would, and the real `codegen` in it."""

    def __init__(self, root: Path) -> None:
        """Copy the folder to ``root/contracts``, and the library that its code belongs to beside it."""
        self.root = root
        ours = shutil.ignore_patterns("__pycache__", "generated")
        shutil.copytree(ROOT / "tally", root / "tally", ignore=ours)
        shutil.copytree(ROOT / "contracts", root / "contracts", ignore=shutil.ignore_patterns("__pycache__"))

    def add_channel(self) -> None:
        """Give the event of a sum one more field, as FULL_TRANSITIVE allows: it has a default."""
        self.change(lambda schema: schema["fields"].append(CHANNEL))
        self._promise_width(73)

    def change(self, edit: Callable[[Any], object]) -> None:
        """Edit the schema of the event."""
        path = self.root / "contracts" / "avro" / "sum_added.avsc"
        schema = json.loads(path.read_text(encoding="utf-8"))
        edit(schema)
        path.write_text(json.dumps(schema, indent=2), encoding="utf-8")

    def codegen(self, *arguments: str, code: int = 0) -> str:
        """Run codegen in the copy, require its exit code and return what it said."""
        return codegen(self.root, *arguments, code=code)

    def generate(self) -> None:
        """Check the contracts and generate code from them."""
        self.codegen("lint")
        self.codegen("generate")

    def plan(self, stack: Stack, *, code: int) -> str:
        """Plan against a stack's registry and Kafka, and keep the plan for ``publish``."""
        where = ("--registry", stack.registry_url, "--kafka", stack.bootstrap_servers)
        return self.codegen("plan", *where, "--out", "plan.json", code=code)

    def publish(self, stack: Stack) -> None:
        """Generate, plan, and publish what was planned; then nothing is left to do."""
        self.generate()
        assert f"UPDATE  subject {SUBJECT}" in self.plan(stack, code=2)
        self.codegen("publish", "plan.json")
        self.plan(stack, code=0)

    @property
    def environment(self) -> dict[str, str]:
        """What a service is given to run on these contracts."""
        return {"PYTHONPATH": os.pathsep.join((str(self.root), str(ROOT)))}

    def view_of(self, stack: Stack) -> Stack:
        """Return the same stack, whose ``start`` runs a service on these contracts."""
        return make_stack(stack.data_dir, self.environment, ports=stack.ports)

    def producer(self, stack: Stack, replica: str) -> ProducerProcess:
        """Start one more producer on these contracts; the caller ends it."""
        environment = {**self.environment, "TALLY_PRODUCER_REPLICA": replica}
        return ProducerProcess(stack, self.root / replica, environment)

    def _promise_width(self, width_bytes: int) -> None:
        path = self.root / "contracts" / "topics" / "tally.sums.v1.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("width_bytes: 72", f"width_bytes: {width_bytes}"), encoding="utf-8")
