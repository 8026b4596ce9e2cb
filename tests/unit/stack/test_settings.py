"""What the stack reads from the environment and .env, and what it hands to the services."""

import pytest

from stack import Ports, Stack
from stack.__main__ import main
from stack.settings import StackSettings, passed_on
from tally.base.env_file import variables_of
from tally.base.settings import SettingsError, load


def test_settings_of_the_services_are_passed_on_from_the_environment_and_from_dotenv(tmp_path):
    """Services get TALLY_ and OTEL_ settings of .env and the environment, which wins, and nothing else."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("TALLY_PRODUCER_LANES=2\nTALLY_LOG_LEVEL=DEBUG\nOTEL_SERVICE_NAME=x\nPATH=/nowhere\n")
    environment = {"TALLY_LOG_LEVEL": "ERROR", "HOME": "/nowhere"}
    assert passed_on(variables_of(dotenv, environment)) == {
        "TALLY_PRODUCER_LANES": "2",
        "TALLY_LOG_LEVEL": "ERROR",  # the environment wins
        "OTEL_SERVICE_NAME": "x",
    }


def test_settings_of_a_callers_environment_do_not_reach_the_parts_of_a_test_stack(tmp_path, monkeypatch):
    """A test stack's services get only the settings that the test gives, whatever the caller has set."""
    monkeypatch.setenv("TALLY_PRODUCER_LANES", "7")
    stack = Stack(tmp_path, Ports(), {"TALLY_LOG_LEVEL": "DEBUG"})
    environment = stack._launch("producer").environment
    assert "TALLY_PRODUCER_LANES" not in environment
    assert environment["TALLY_LOG_LEVEL"] == "DEBUG"
    assert environment["TALLY_DATA_DIR"] == str(tmp_path)
    assert environment["TALLY_ENV_FILE"] == "", "nor does a .env reach them"


def test_options_for_every_java_of_the_user_do_not_reach_kafka(tmp_path, monkeypatch):
    """A user's JAVA_TOOL_OPTIONS and CLASSPATH do not reach the broker."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-javaagent:/x.jar")
    monkeypatch.setenv("CLASSPATH", "/x")
    launch = Stack(tmp_path, Ports())._launch("kafka")
    assert "JAVA_TOOL_OPTIONS" not in launch.environment
    assert "kafka-clients" in launch.environment["CLASSPATH"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("TALLY_GRPC_PORT", "0"), ("TALLY_PORT_BASE", "65530"), ("TALLY_KAFKA_JIT", "slow"), ("TALLY_JAVA", "8")],
)
def test_a_wrong_setting_is_one_line_with_its_name_and_value(name, value, monkeypatch, capsys):
    """A wrong setting ends the command with exit code 2 and one line that names it and its value."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} is '{value}'"):
        load(StackSettings)
    assert main(["status"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_data_directory_that_cannot_be_made_is_named_with_its_setting(tmp_path, monkeypatch, capsys):
    """A data directory that cannot be made ends with exit code 1 and the name of its setting."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("TALLY_DATA_DIR", str(tmp_path / "file" / "data"))
    assert main(["down"]) == 1
    assert "TALLY_DATA_DIR is" in capsys.readouterr().err
