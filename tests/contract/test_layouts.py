"""Contracts of any layout: names and folders stay as they are, and programs import what they become."""

import ast
import subprocess
import sys
from pathlib import Path

from codegen import tree
from codegen.plan.wanted import wanted as wanted_of
from tests_support.contracts.small_contracts import Run, SmallContracts


def test_names_and_folders_of_other_projects_stay_as_they_are(run: Run, small: SmallContracts) -> None:
    """Versions in folders, names in camel case, tops of any type: all become modules, also for topics."""
    avro = small.root / "avro"
    order = '{"type": "record", "name": "%s.Order", "fields": [{"name": "to", "type": "Address"}]}'
    address = '{"type": "record", "name": "%s.Address", "fields": [{"name": "lines", "type": %s}]}'
    for version, lines in (("v1", '"string"'), ("v2", '{"type": "array", "items": "string"}')):
        (avro / version).mkdir()
        (avro / version / "Customer-Order.avsc").write_text(order % version)
        (avro / version / "Address.v0.avsc").write_text(address % (version, lines))
    (avro / "OrderState.avsc").write_text('{"type": "enum", "name": "OrderState", "symbols": ["NEW", "None"]}')
    (topic,) = (small.root / "topics").glob("*.yaml")
    text = topic.read_text()
    other = text.replace("avro/order.avsc", "avro/v2/Customer-Order.avsc").replace(small.topic, "other")
    (topic.parent / "other.yaml").write_text(other)
    code, said = run("generate")
    assert code == 0, said
    program = (
        "from contracts.generated import topics\n"
        "from contracts.generated.avro.v1 import address_v0 as v1\n"
        "from contracts.generated.avro.v2.customer_order import Address, Order\n"
        "from contracts.generated.avro.order_state import OrderState\n"
        "order = Order(to=Address(lines=('a', 'b')))\n"
        "assert Order.decode(order.encode()) == order\n"
        "assert v1.Address.decode(v1.Address(lines='a').encode()).lines == 'a'\n"
        "assert topics.OTHER.schema == Order.SCHEMA\n"
        "assert len(OrderState) == 2\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=Path.cwd())
    assert run("check")[0] in {0, 4}
    assert run("docs")[0] == 0
    assert run("check") == (0, run("check")[1])


def test_types_without_a_name_stand_under_the_paths_of_their_files(run: Run, small: SmallContracts) -> None:
    """Two unions, arrays or primitives are two subjects; when they are gone, the lock has code of each."""
    texts = {"ids": '{"type": "array", "items": "long"}', "v1/ids": '{"type": "array", "items": "int"}'}
    texts |= {"v2/ids": '{"type": "array", "items": "long"}', "key": '"string"', "other-key": '{"type": "string"}'}
    for name, text in texts.items():
        path = small.root / "avro" / f"{name}.avsc"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert set(texts) <= {each.subject for each in wanted_of(tree.read(small.root)).subjects}
    for command in (("generate",), ("lock",), ("docs",), ("plan", "--offline"), ("check",)):
        code, said = run(*command)
        assert code == 0, said
    for name in texts:
        (small.root / "avro" / f"{name}.avsc").unlink()
    code, said = run("generate", "--from", "lock", "--out", "made")
    assert code == 0, said
    for module in ("ids", "v1/ids", "v2/ids", "key", "other_key"):
        assert Path(f"made/avro/{module}.py").is_file()


PROTO = """\
syntax = "proto3";
package shop.{word};
{imports}
import "buf/validate/validate.proto";
message Order {{
  string id = 1 [(buf.validate.field).string.max_len = 3];
}}
service Orders {{
  rpc Get(Order) returns (Order);
}}
"""


def test_protobuf_folders_that_python_has_no_names_for_are_renamed(run: Run, small: SmallContracts) -> None:
    """Folders called as keywords or by numbers, with blanks and hyphens, hold modules of messages, stubs and rules."""
    files = ("class/my-pkg/a-b.proto", "2024/import/in.proto", "my folder/+/1.proto", "a.b/c.d.proto", "from.proto")
    imports = ""
    for i, file in enumerate(files):
        path = small.root / "proto" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PROTO.format(word=f"w{i}", imports=imports), encoding="utf-8")
        imports += f'import {"public " if i % 2 == 0 else ""}"{file}";\n'
    code, said = run("generate")
    assert code == 0, said
    program = (
        "from contracts.generated import from_pb2, from_pb2_grpc, from_rules\n"
        "from contracts.generated._2024.import_ import in_pb2\n"
        "from contracts.generated.a.b.c import d_pb2, d_rules\n"
        "from contracts.generated.class_.my_pkg import a_b_pb2, a_b_pb2_grpc, a_b_rules\n"
        "from contracts.generated.my_folder._ import _1_pb2, _1_pb2_grpc, _1_rules\n"
        "assert a_b_rules.order(a_b_pb2.Order(id='long')) and not _1_rules.order(_1_pb2.Order(id='one'))\n"
        "assert _1_pb2.DESCRIPTOR.name == 'my folder/+/1.proto'\n"
        "assert [each.name for each in from_pb2.DESCRIPTOR.dependencies][0] == 'class/my-pkg/a-b.proto'\n"
        "assert in_pb2.Order.DESCRIPTOR.full_name == 'shop.w1.Order'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=Path.cwd())
    for stub in Path("contracts/generated").rglob("*.pyi"):
        ast.parse(stub.read_text(encoding="utf-8"))


def test_two_protobuf_files_of_one_module_are_refused_with_both_names(run: Run, small: SmallContracts) -> None:
    """Files whose names become the same in Python are refused by name, and nothing is written."""
    for name in ("class", "class_"):
        path = small.root / "proto" / name / "x.proto"
        path.parent.mkdir()
        path.write_text(f'syntax = "proto3";\npackage {name}s;\nmessage X {{}}\n', encoding="utf-8")
    code, said = run("generate")
    assert code == 1
    assert "proto/class_/x.proto: is the same Python module as proto/class/x.proto; rename one of them" in said
