"""The commands of `codegen` on a real registry: modes, plans, references, pulling, drift, failures.

On the native registry with Kafka beside it, or on one that ``just test-registry URL`` names.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen.plan.terms import Kind, Wanted, WantedSubject
from codegen.remote.publish import Publisher
from tally.base.fingerprint import fingerprint
from tests_support.contracts.avro_changes import HISTORY, HISTORY_NEXT, TOLD_OF_MODES
from tests_support.contracts.codegen_command import codegen
from tests_support.contracts.small_contracts import COUNT, ID, SmallContracts
from tests_support.registries.under_test import RegistryUnderTest, registry_under_test
from tests_support.running.stacks import stack_factory, temporary_folder

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def registry() -> Iterator[RegistryUnderTest]:
    """Return a registry on which nothing was published, unless it is somebody's."""
    with (
        temporary_folder() as folder,
        stack_factory(folder) as new,
        registry_under_test(lambda: new(parts=("kafka", "registry"))) as one,
    ):
        yield one


class Folder:
    """A folder with contracts of names that no other test uses, and the command in it; the registry is ``live``."""

    def __init__(self, root: Path, registry: RegistryUnderTest) -> None:
        self.root = root
        self.registry = registry
        self.small = SmallContracts(root / "contracts", registry.word())
        where = f"live:\n  url: {registry.url}\n" + (f"  kafka: {registry.kafka}\n" if registry.kafka else "")
        (root / "contracts" / "registries.yaml").write_text(where, encoding="utf-8")
        self.run("generate")

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run codegen, require the exit code and return the output."""
        return codegen(self.root, *arguments, code=code)


@pytest.fixture
def folder(tmp_path: Path, registry: RegistryUnderTest) -> Folder:
    return Folder(tmp_path, registry)


def test_plan_publish_plan_is_noop_with_references_into_an_empty_registry(folder: Folder) -> None:
    """Contracts published into an empty registry leave a plan of NOOPs, a locked version and history."""
    said = folder.run("plan", "--registry", "live", "--out", "plan.json", code=2)
    assert f"CREATE  subject {folder.small.proto}" in said
    folder.run("publish", "plan.json")
    said = folder.run("plan", "--registry", "live")
    assert {word for word in Kind if any(line.startswith(f"{word} ") for line in said.splitlines())} == {Kind.NOOP}
    folder.run("publish", "plan.json")
    folder.run("check", "--registry", "live")
    lock = json.loads((folder.root / "contracts" / "contracts.lock").read_text())
    assert lock["registries"]["live"][folder.small.subject]["version"] == 1
    assert (folder.root / "contracts" / "history" / folder.small.subject / "v1.avsc").is_file()


def test_a_plan_is_void_when_somebody_else_published_meanwhile(folder: Folder) -> None:
    """A plan made before somebody else's version ends with code 4 and registers nothing."""
    folder.run("plan", "--registry", "live", "--out", "plan.json", code=2)
    schema = json.dumps({"type": "record", "name": "Order", "namespace": "tests.v1", "fields": [ID]})
    versions = f"subjects/{folder.small.subject}/versions"
    folder.registry.must("POST", versions, {"schema": schema})
    said = folder.run("publish", "plan.json", code=4)
    assert f"subject {folder.small.subject}: had versions none" in said
    assert folder.registry.must("GET", versions) == [1]


def test_a_foreign_edit_and_a_soft_delete_exit_4(folder: Folder) -> None:
    """A version of others after ours, and a subject that was deleted, each end check with exit code 4."""
    folder.run("publish", "--registry", "live")
    small = folder.small
    fields = [ID, COUNT, {"name": "foreign", "type": "int", "default": 0}]
    schema = json.dumps({"type": "record", "name": "Order", "namespace": "tests.v1", "fields": fields})
    folder.registry.must("POST", f"subjects/{small.subject}/versions", {"schema": schema})
    assert "is version 1, but somebody registered 2 after it" in folder.run("check", "--registry", "live", code=4)
    folder.run("plan", "--registry", "live", code=4)
    folder.registry.must("DELETE", f"subjects/{small.subject}")
    assert "is missing there (never published, or deleted)" in folder.run("check", "--registry", "live", code=4)


def test_a_breaking_version_is_published_only_with_a_reason_which_the_lock_keeps(folder: Folder) -> None:
    """A breaking version needs a reason, which the lock keeps; the level is as before afterwards."""
    folder.run("publish", "--registry", "live")
    small = folder.small
    small.set_fields(ID, {"name": "trace_id", "type": "string"})
    folder.run("generate")
    said = folder.run("plan", "--registry", "live", "--out", "plan.json", code=3)
    assert "consumers on v2 cannot read v1: `trace_id` has no default" in said
    folder.run("publish", "plan.json", code=3)
    folder.run("publish", "plan.json", "--allow-breaking", small.subject, "--reason", "nobody reads it yet")
    folder.run("check", "--registry", "live")
    level = folder.registry.must("GET", f"config/{small.subject}")
    assert level["compatibilityLevel"] == "FULL_TRANSITIVE"
    lock = json.loads((folder.root / "contracts" / "contracts.lock").read_text())
    assert lock["subjects"][small.subject]["versions"][1]["allowed"] == "nobody reads it yet"
    said = folder.run("diff", small.subject, "v1..v2", "--registry", "live")
    assert "the field `trace_id` (string) is new" in said
    assert said == folder.run("diff", small.subject, "v1..v2")


def test_an_empty_directory_and_an_address_are_enough_to_decode(folder: Folder) -> None:
    """Contracts pulled into an empty folder generate code that decodes a foreign writer's record."""
    folder.run("publish", "--registry", "live")
    small = folder.small
    folder.run(
        "pull", "--registry", folder.registry.url, "--subject", f"{small.topic.partition('.')[0]}*", "--out", "theirs"
    )
    folder.run("generate", "--contracts", "theirs")
    program = (
        "import io, fastavro\n"
        "from theirs.generated.avro.order import Order\n"
        "schema = fastavro.schema.load_schema('theirs/avro/order.avsc')\n"
        "out = io.BytesIO()\n"
        "fastavro.schemaless_writer(out, schema, {'id': 'a', 'count': 7})\n"
        "assert Order.decode(out.getvalue()) == Order(id='a', count=7)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=folder.root, check=True, timeout=60)


@pytest.mark.parametrize("level", TOLD_OF_MODES)
def test_each_mode_looks_at_the_versions_that_the_registry_has(registry: RegistryUnderTest, level: str) -> None:
    """Each mode objects to the same versions read from the registry as it does offline."""
    http = registry.http()
    subject = f"{registry.word()}-value"
    http.request("PUT", f"config/{subject}", {"compatibility": "NONE"})
    for text in HISTORY:
        http.request("POST", f"subjects/{subject}/versions", {"schema": text})
    http.request("PUT", f"config/{subject}", {"compatibility": level})
    new = WantedSubject(subject, "AVRO", HISTORY_NEXT, fingerprint(HISTORY_NEXT), level, (), "Avro t.R", owned=True)
    said: list[str] = []
    (change,) = Publisher(http, None, time, 30.0, said.append).survey(Wanted((new,), ())).changes
    http.close()
    ours = [one for one in change.objections if not one.startswith("the registry says")]
    assert ours == TOLD_OF_MODES[level]
    assert change.blocking == bool(change.objections)
    assert bool(change.objections) >= bool(ours)


def test_a_chain_of_references_goes_into_an_empty_registry_in_one_command(folder: Folder) -> None:
    """Each file is registered after what it imports, and refers to the version that this very run made."""
    word = folder.small.proto.partition("/")[0]
    head = f'syntax = "proto3";\npackage {word}.v1;\n'
    below = folder.root / "contracts" / "proto" / word / "v1"
    (below / "base.proto").write_text(f"{head}message Base {{}}\n")
    (below / "middle.proto").write_text(
        f'{head}import "{word}/v1/base.proto";\nmessage Middle {{\n  Base base = 1;\n}}\n'
    )
    top = f'{head}import "{word}/v1/middle.proto";\nmessage Atop {{\n  Middle middle = 1;\n}}\n'
    (below / "atop.proto").write_text(top)
    folder.run("generate")
    folder.run("publish", "--registry", "live")
    for name, imported in (("atop", "middle"), ("middle", "base")):
        path = f"subjects/{word}%2Fv1%2F{name}.proto/versions/1"
        (reference,) = folder.registry.must("GET", path)["references"]
        assert (reference["subject"], reference["version"]) == (f"{word}/v1/{imported}.proto", 1)
    assert folder.run("publish", "--registry", "live").endswith("nothing to do\n")


def test_subjects_beyond_the_contracts_are_pruned_only_when_asked_twice(folder: Folder) -> None:
    """Unwanted subjects go only if the plan and its publication name the same prefix."""
    folder.run("publish", "--registry", "live")
    stray = f"{folder.small.topic.partition('.')[0]}.stray-value"
    schema = json.dumps({"type": "record", "name": "Stray", "fields": []})
    folder.registry.must("POST", f"subjects/{stray}/versions", {"schema": schema})
    prefix = stray.partition(".")[0]
    folder.run("plan", "--registry", "live")
    said = folder.run("plan", "--registry", "live", "--prune-prefix", prefix, "--out", "plan.json", code=2)
    assert f"DELETE  subject {stray}" in said
    folder.run("publish", "plan.json", code=1)
    folder.run("publish", "plan.json", "--yes", "--prune-prefix", f"{prefix}.other", code=1)
    folder.run("publish", "--registry", "live", "--prune-prefix", prefix, code=64)
    assert stray in folder.registry.must("GET", "subjects")
    folder.run("publish", "plan.json", "--yes", "--prune-prefix", prefix)
    subjects = folder.registry.must("GET", "subjects")
    assert stray not in subjects
    assert folder.small.subject in subjects


def test_what_the_contracts_lost_stops_a_plan_until_it_is_retired(folder: Folder) -> None:
    """A subject that the registry has and no contract wants any more is breaking until retired.yaml lets it go."""
    folder.run("publish", "--registry", "live")
    for path in ("topics/orders.yaml", "avro/order.avsc"):
        (folder.root / "contracts" / path).unlink()
    folder.run("generate")
    said = folder.run("plan", "--registry", "live", code=3)
    assert f"DELETE  subject {folder.small.subject}: is in no contract any more" in said
    assert f"DELETE  topic {folder.small.topic}" in said or not folder.registry.kafka
    assert "programs on v1 look it up by this name" in folder.run("publish", "--registry", "live", code=3)
    retired = f"topic {folder.small.topic}: {{date: 2026-12-01, reason: Nobody reads it.}}\n"
    (folder.root / "contracts" / "retired.yaml").write_text(retired, encoding="utf-8")
    folder.run("plan", "--registry", "live")


def test_a_tighter_rule_is_breaking_on_a_registry_that_has_rules_as_comments(folder: Folder) -> None:
    """The rules of the newest published version are compared with those of now."""
    path = folder.root / "contracts" / "proto" / folder.small.proto
    rule = "string ruled = 3 [(buf.validate.field).string.max_len = {}];"
    text = path.read_text(encoding="utf-8").replace("import", 'import "buf/validate/validate.proto";\nimport', 1)
    texts = [text.replace("  string id = 1;\n", f"  string id = 1;\n  {rule.format(n)}\n") for n in (64, 8, 256)]
    path.write_text(texts[0], encoding="utf-8")
    folder.run("generate")
    folder.run("publish", "--registry", "live")
    path.write_text(texts[1], encoding="utf-8")
    said = folder.run("plan", "--registry", "live", code=3)
    assert "callers on v1 are refused by " in said
    assert "string.max_len 64 -> string.max_len 8" in said
    folder.run("publish", "--registry", "live", code=3)
    path.write_text(texts[2], encoding="utf-8")
    folder.run("generate")
    said = folder.run("publish", "--registry", "live")
    assert "takes what v1 refuses, so whoever checks must be on " in said
    assert "v2.proto added" in said
    assert "string.max_len" not in folder.run("plan", "--registry", "live")


def test_a_wrong_path_and_tls_where_there_is_none_exit_5_each_with_its_kind(folder: Folder) -> None:
    """On the real registry a wrong path and a missing TLS each end with code 5 and a kind of their own."""
    url = folder.registry.url
    cases = [(f"{url.rstrip('/')}/nowhere", "not-a-registry")]
    cases += [(url.replace("http:", "https:"), "tls")] if url.startswith("http:") else []
    for wrong, kind in cases:
        said = folder.run("plan", "--registry", wrong, "--json", "--timeout-s", "5", code=5)
        assert f'"kind": "{kind}"' in said
