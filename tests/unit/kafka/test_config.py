"""The properties file of Kafka's client: data only."""

from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer

from tally.kafka.config import KafkaConfigError, client_config, read_properties


def properties(folder: Path, text: str) -> Path:
    path = folder / "client.properties"
    path.write_text(text, encoding="utf-8")
    return path


def test_names_and_values_are_read_and_comments_left_out(tmp_path: Path) -> None:
    """A properties file gives trimmed names and values, also values with an equals sign, and no comments."""
    path = properties(tmp_path, "# a\n! b\n\n sasl.username = me \nsasl.password=a=b c\r\n")
    assert read_properties(path) == {"sasl.username": "me", "sasl.password": "a=b c"}
    assert client_config("here:1", path)["bootstrap.servers"] == "here:1"


@pytest.mark.parametrize(
    "line",
    [
        "plugin.library.paths=/tmp/x.so",
        "ssl.engine.location=/tmp/x.so",
        "ssl.providers=x",
        "sasl.kerberos.kinit.cmd=touch /tmp/x",
        "sasl.kerberos.principal=$(touch /tmp/x)",
        "sasl.kerberos.keytab=a;b",
    ],
)
def test_what_would_load_code_or_run_a_command_is_refused_by_its_name(tmp_path: Path, line: str) -> None:
    """A property that would load a library or run a command is refused by its name: the file is data only."""
    path = properties(tmp_path, f"{line}\n")
    with pytest.raises(KafkaConfigError, match=f"{path}: {line.partition('=')[0]} "):
        read_properties(path)


@pytest.mark.parametrize(
    "name",
    ["default.topic.config", "error_cb", "logger", "oauth_cb", "on_commit", "on_delivery", "stats_cb", "throttle_cb"],
)
def test_what_only_a_program_can_give_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    """A callback or logger in the file is one clear error, and not one of Python, at the start or later."""
    with pytest.raises(KafkaConfigError, match=f"{name} is not allowed: it is an object of the program"):
        client_config("here:1", properties(tmp_path, f"{name}=x\n"))


@pytest.mark.parametrize(
    "line",
    [
        "interceptors=x", "opaque=x", "partitioner_cb=x", "ssl_engine_callback_data=x", "ssl.certificate.verify_cb=x",
        "resolve_cb=x", "connect_cb=x", "PLUGIN.LIBRARY.PATHS=/tmp/x.so", "sasl.jaas.config=com.example.Login",
    ],
)  # fmt: skip
def test_what_librdkafka_itself_refuses_is_still_refused_by_it(tmp_path: Path, line: str) -> None:
    """Pointers to code, and names in another case, are no properties for the library that this version brings."""
    with pytest.raises(KafkaException):
        Producer(client_config("127.0.0.1:1", properties(tmp_path, f"{line}\n")))


def test_what_kerberos_needs_is_taken(tmp_path: Path) -> None:
    """Ordinary values of the Kerberos principal and keytab are accepted."""
    text = "sasl.kerberos.principal=tally/host.example@EXAMPLE.COM\nsasl.kerberos.keytab=/etc/tally-1.keytab\n"
    assert len(read_properties(properties(tmp_path, text))) == 2


@pytest.mark.parametrize("end", ["\\", " \\"])
def test_a_line_that_java_would_go_on_with_is_refused(tmp_path: Path, end: str) -> None:
    """A line that Java would continue on the next one is refused by its number, and an escaped backslash is not."""
    path = properties(tmp_path, f"sasl.username=me{end}\nsasl.password=x\n")
    with pytest.raises(KafkaConfigError, match=f"{path}:1: ends with a backslash"):
        read_properties(path)
    assert len(read_properties(properties(tmp_path, "sasl.password=x\\\\\n"))) == 1


def test_a_value_may_have_characters_that_only_python_takes_for_line_ends(tmp_path: Path) -> None:
    """Characters that only Python takes for line ends are part of a value, as they are for Java and librdkafka."""
    assert read_properties(properties(tmp_path, "sasl.password=a\u2028b\x0bc\x85d\n")) == {
        "sasl.password": "a\u2028b\x0bc\x85d"
    }
