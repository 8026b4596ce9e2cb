"""What Apache Avro's own tests expect: schemas that are valid or not, readers that read a writer or not.

Its tests run in a process of their own, out of the package; nothing of them stands here.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROGRAM: Final = """
import json, sys, unittest, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
from avro.compatibility import ReaderWriterCompatibilityChecker as Checker, SchemaCompatibilityType as Kind
from avro.test import test_compatibility, test_schema

pairs, depth, ask = [], [], Checker.get_compatibility

def recorded(self, reader, writer, *arguments, **named):
    depth.append(None)
    answer = ask(self, reader, writer, *arguments, **named)
    depth.pop()
    if not depth:
        pairs.append([str(reader), str(writer), answer.compatibility is Kind.compatible])
    return answer

Checker.get_compatibility = recorded
suite = unittest.defaultTestLoader.loadTestsFromModule(test_compatibility)
assert unittest.TextTestRunner(stream=sys.stderr).run(suite).wasSuccessful()
schemas = [[str(each), each.valid] for each in test_schema.EXAMPLES]
json.dump({"schemas": schemas, "pairs": pairs}, sys.stdout)
"""


@dataclass(frozen=True)
class AvroTests:
    """(text, valid) of each schema; (reader, writer, readable) of each pair."""

    schemas: list[tuple[str, bool]]
    pairs: list[tuple[str, str, bool]]


def avro_tests(packages: Path) -> AvroTests:
    """Return what they expect."""
    command = [sys.executable, "-c", _PROGRAM, str(packages)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = json.loads(said)
    return AvroTests([tuple(each) for each in found["schemas"]], [tuple(each) for each in found["pairs"]])
