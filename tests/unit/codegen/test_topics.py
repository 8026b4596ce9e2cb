"""A topic's file is read strictly: each wrong key or value is refused with file, line and what is allowed."""

import re
from pathlib import Path

import pytest

from codegen.errors import ContractError
from codegen.topics import topic as topics
from codegen.topics.module import constant_names
from codegen.topics.topic import Topic

GOOD = """\
topic: shop.orders.v1
owner: shop
purpose: Orders.
key:
  format: order_id
value:
  format: avro
  schema: avro/order.avsc
  subject: shop.orders.v1-value
  compatibility: BACKWARD
partitions: 6
partitioner: murmur2
replication:
  factor: 3
  min_insync_replicas: 2
config:
  retention.ms: "-1"
"""


def test_a_good_file_is_read() -> None:
    """A complete topic file gives its name, partitions and configuration, and no width where none is stated."""
    topic = topics.parse("topics/x.yaml", GOOD)
    assert (topic.name, topic.partitions, topic.config, topic.width_bytes) == (
        "shop.orders.v1",
        6,
        {"retention.ms": "-1"},
        None,
    )


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        (GOOD, "", "line 1", "is empty"),
        (GOOD, "- a", "line 1", "must be a mapping"),
        ("topic: shop", "topic: [", "line 2", "not YAML"),
        ("topic: shop.orders.v1", "topic: a b", "line 1", "topic: is 'a b'; allowed is 1 to 249"),
        ("topic: shop.orders.v1", "topic: 7", "line 1", "allowed is 1 to 249"),
        ("owner: shop\n", "", "line 1", "owner: is missing"),
        ("owner: shop", "owner: ''", "line 2", "owner: is ''"),
        ("owner: shop", "owner: shop\nowner: shop", "line 3", "owner: the key is there twice"),
        ("owner: shop", "owner: {a: b}", "line 2", "owner: must be a single value"),
        ("  format: order_id", "  frmat: order_id", "line 5", "key.format: is missing; there are frmat"),
        ("  format: order_id", "  format: order_id\n  x: 1", "line 6", "key.x: is not a key here; allowed are format"),
        ("  format: avro", "  format: json", "line 7", "value.format: is 'json'; allowed is avro"),
        ("avro/order.avsc", "avro/order.json", "line 8", "the path of an .avsc file"),
        ("BACKWARD", "BACKWARDS", "line 10", "NONE, BACKWARD, BACKWARD_TRANSITIVE"),
        ("partitions: 6", "partitions: 0", "line 11", "whole number from 1 to 10000"),
        ("partitions: 6", "partitions: '6'", "line 11", "partitions: is '6'"),
        ("partitions: 6", "partitions: true", "line 11", "partitions: is True"),
        ("partitions: 6", "partitons: 6", "line 1", "partitions: is missing"),
        ("factor: 3", "factor: 1", "line 15", "must not exceed the factor, 1"),
        ('retention.ms: "-1"', "retention.ms: -1", "line 17", 'put it in quotes: "-1"'),
        ('retention.ms: "-1"', 'min.insync.replicas: "2"', "line 16", "belongs under replication"),
        (GOOD, "[" * 5000, "line 1", "not YAML"),
        ("owner: shop", r'owner: "\ud83d"', "line 2", "half of a character"),
        ("partitions: 6", "partitions: !!bool x", "line 11", "looks like a value of YAML and is none"),
        ("partitions: 6", "partitions: !!timestamp x", "line 11", "looks like a value of YAML and is none"),
        ("partitions: 6", "partitions: 2026-13-45", "line 11", "looks like a value of YAML and is none"),
        ('"-1"', '"7d"', "line 17", "config.retention.ms: is '7d'; allowed is a whole number from -1 to 92233720368"),
        ('"-1"', '"-2"', "line 17", "allowed is a whole number from -1 to 92233720368"),
        (
            'retention.ms: "-1"',
            'retension.ms: "-1"',
            "line 17",
            "not a setting that Kafka has for topics; is retention",
        ),
        ('retention.ms: "-1"', 'x: "-1"', "line 17", "there are cleanup.policy, compression.gzip.level"),
        ('retention.ms: "-1"', 'cleanup.policy: "deleted"', "line 17", "allowed is a list of compact, delete"),
        ('retention.ms: "-1"', 'preallocate: "yes"', "line 17", "allowed is one of true, false"),
        ('retention.ms: "-1"', 'min.cleanable.dirty.ratio: "nan"', "line 17", "allowed is a number from 0 to 1"),
        ('retention.ms: "-1"', 'compression.gzip.level: "0"', "line 17", "from 1 to 9, or -1"),
        ('retention.ms: "-1"', 'leader.replication.throttled.replicas: "1"', "line 17", "such as 0:101,1:102"),
        ("BACKWARD\n", "BACKWARD\n  width_bytes: x\n", "line 11", "whole number"),
        ("config:\n", "extra: 1\nconfig:\n", "line 16", "extra: is not a key here"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(old: str, new: str, place: str, words: str) -> None:
    """Each missing, unknown or wrong value of a topic file is refused with its line and what is allowed."""
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    with pytest.raises(ContractError) as caught:
        topics.parse("topics/x.yaml", text)
    assert re.match(rf"topics/x\.yaml: {place}[:,] ", str(caught.value))
    assert words in str(caught.value)


def test_right_settings_are_taken_as_they_are() -> None:
    """Every kind of value that Kafka takes is taken, and so are the settings that other makers' brokers have."""
    config = {
        "cleanup.policy": "compact,delete",
        "compression.gzip.level": "-1",
        "follower.replication.throttled.replicas": "0:1,1:2",
        "leader.replication.throttled.replicas": "*",
        "min.cleanable.dirty.ratio": "0.25",
        "redpanda.remote.read": "true",
        "retention.bytes": "-7",
        "segment.bytes": "1048576",
    }
    lines = "".join(f'  {name}: "{value}"\n' for name, value in config.items())
    assert topics.parse("x", GOOD.partition("  retention.ms")[0] + lines).config == config


def test_the_configuration_may_be_left_out() -> None:
    """A topic file without `config` has no configuration of its own."""
    assert topics.parse("x", GOOD.partition("config:")[0]).config == {}


@pytest.mark.parametrize(
    ("names", "constants"),
    [
        (["tally.sums.v1", "tally.sums.v1.dlt"], ["SUMS", "SUMS_DLT"]),
        (["orders"], ["ORDERS"]),
        (["shop.orders", "mail.letters"], ["SHOP_ORDERS", "MAIL_LETTERS"]),
        (["shop.orders.v1", "shop.orders.v2"], ["ORDERS", "SHOP_ORDERS_V2"]),
        (["2026-sales"], ["SALES"]),
        (["2026"], ["TOPIC_2026"]),
    ],
)
def test_a_topic_s_constant_is_its_name_without_versions_and_the_shared_first_part(
    names: list[str], constants: list[str]
) -> None:
    """Topics get short constant names that stay distinct and valid in Python."""
    template = topics.parse("x", GOOD)
    described = [Topic(**{**{f: getattr(template, f) for f in Topic.__dataclass_fields__}, "name": n}) for n in names]
    assert list(constant_names(described).values()) == constants


def test_the_contracts_own_topics_are_good() -> None:
    """The repository's two topic files are valid."""
    folder = Path(__file__).parents[3] / "contracts" / "topics"
    assert [topics.parse(path.name, path.read_text(encoding="utf-8")).name for path in sorted(folder.glob("*"))] == [
        "tally.sums.v1.dlt",
        "tally.sums.v1",
    ]
