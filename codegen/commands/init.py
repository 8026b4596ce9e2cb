"""The command ``init``: a small contracts folder with one of everything, ready for lint and generate."""

import re
from pathlib import Path
from typing import Final

import click

from codegen.errors import CodegenError
from codegen.package_names import checked_package
from tally.base.written_file import write_file

_NAME: Final = re.compile(r"[a-z][a-z0-9]*")

_PROTO: Final = """\
syntax = "proto3";

package @NAME@.v1;

import "buf/validate/validate.proto";

// Takes orders.
service @TITLE@Service {
  // Places one order. A retry with the same order_id is the same order.
  rpc PlaceOrder(PlaceOrderRequest) returns (PlaceOrderResponse);
}

// One order.
message PlaceOrderRequest {
  // The identity of the order, for ever: a UUID in text, chosen by the caller.
  string order_id = 1 [(buf.validate.field).string.uuid = true];
  // What is ordered.
  string article = 2 [(buf.validate.field).string = {
    min_len: 1
    max_len: 64
  }];
  // How many pieces.
  int32 count = 3 [(buf.validate.field).int32 = {
    gte: 1
    lte: 1000
  }];
}

// The order is placed.
message PlaceOrderResponse {
  // The request's id.
  string order_id = 1;
}
"""

_AVRO: Final = """\
{
  "type": "record",
  "name": "OrderPlaced",
  "namespace": "@NAME@.v1",
  "doc": "One order that was placed.",
  "fields": [
    {
      "name": "order_id",
      "doc": "The identity of the order, for ever.",
      "type": {"type": "string", "logicalType": "uuid"}
    },
    {
      "name": "article",
      "doc": "What was ordered.",
      "type": "string"
    },
    {
      "name": "count",
      "doc": "How many pieces.",
      "type": "int"
    },
    {
      "name": "placed_at",
      "doc": "When it was placed, by the clock of the service.",
      "type": {"type": "long", "logicalType": "timestamp-micros"}
    }
  ]
}
"""

_TOPIC: Final = """\
topic: @NAME@.orders.v1
owner: @NAME@
purpose: One record an order.
key:
  format: order_id
value:
  format: avro              # in Confluent framing: 0, the schema id in 4 bytes, the record
  schema: avro/order_placed.avsc
  subject: @NAME@.orders.v1-value
  compatibility: FULL_TRANSITIVE   # old and new programs read each other, whichever comes first
partitions: 6
partitioner: murmur2
replication:
  factor: 3                 # lowered to the number of brokers where there are fewer
  min_insync_replicas: 2
config:
  cleanup.policy: delete
  retention.ms: "604800000"
"""

_PROJECT: Final = """\
# What `codegen lint` asks of the Avro schemas beyond being valid. Take out what you do not want:
#   names          namespaces in lower case, types in PascalCase, fields in snake_case, symbols in UPPER_CASE
#   docs           each record and each field is documented
#   widths         the records of a topic with width_bytes have that many bytes
#   logical-types  no logical type is ignored, as an unknown one is
lint:
  avro: [names, docs, widths, logical-types]
"""

_BUF: Final = """\
# What `codegen lint` asks of the Protobuf files. Imports come from the packages that are installed; nothing is fetched.
version: v2
modules:
  - path: proto
lint:
  use:
    - STANDARD
"""

_REGISTRIES: Final = """\
# Registries by name, for `codegen plan --registry NAME`. Credentials never stand here: see codegen --help.
local:
  url: http://127.0.0.1:8081/apis/ccompat/v7
  kafka: 127.0.0.1:9092
"""


def files(name: str) -> dict[str, str]:
    """Return the files of a folder by path. Raises CodegenError for a name that is no word."""
    if _NAME.fullmatch(name) is None:
        raise CodegenError(f"--name is {name!r}; allowed is a word of lower-case letters and digits, a letter first")
    checked_package(name)
    texts = {
        f"proto/{name}/v1/{name}.proto": _PROTO,
        "avro/order_placed.avsc": _AVRO,
        f"topics/{name}.orders.v1.yaml": _TOPIC,
        "codegen.yaml": _PROJECT,
        "buf.yaml": _BUF,
        "registries.yaml": _REGISTRIES,
    }
    return {path: text.replace("@NAME@", name).replace("@TITLE@", name.capitalize()) for path, text in texts.items()}


def write(folder: Path, name: str) -> list[str]:
    """Write the files and return their paths. Raises CodegenError, and writes nothing, where one is there already."""
    made = files(name)
    there = [path for path in made if (folder / path).exists()]
    if there:
        raise CodegenError(f"{folder / there[0]} is there already; give a new folder: codegen init FOLDER")
    try:
        for path, text in made.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_file(folder / path, text)
    except OSError as error:
        raise CodegenError(f"{folder} cannot be written: {error}") from error
    return [str(folder / path) for path in made]


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("contracts"))
@click.option("--name", default="shop", show_default=True, help="The project's name: one lower-case word.")
def init_command(*, folder: Path, name: str) -> None:
    """Make a new contracts FOLDER (default: contracts) that passes lint and generates.

    It holds one event with its topic, one gRPC service with rules on its request, and the address of a registry: change
    them into yours. Files that are there already are left alone, and nothing is written then.
    """
    for path in write(folder, name):
        click.echo(path)
    at = "" if folder == Path("contracts") else f" --contracts {folder}"
    click.echo(f"now run: codegen generate{at}")
