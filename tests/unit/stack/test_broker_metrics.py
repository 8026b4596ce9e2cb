"""A broker that cannot be observed says why; nothing else is held up by it."""

from pathlib import Path

import pytest

from stack import Ports, StackError
from stack.fetch.locks import AGENT_LOCK, read
from stack.parts.broker_metrics import CONFIGURATION, Agent, are_shown, show


def jdk(folder: Path, script: str) -> Path:
    """Return a folder whose jcmd is a script."""
    tool = folder / "bin" / "jcmd"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    tool.chmod(0o755)
    return folder


def test_a_java_without_jcmd_is_told_with_the_cure(tmp_path: Path) -> None:
    """A mere JRE of JAVA_HOME has none."""
    with pytest.raises(StackError, match="TALLY_JAVA=bundled has it"):
        show(Agent(tmp_path, tmp_path / "agent.jar"), 1, Ports.free().kafka_metrics)


def test_a_broker_that_does_not_take_the_agent_is_told_in_the_words_of_the_tool(tmp_path: Path) -> None:
    """What jcmd says is what a person can look for."""
    java = jdk(tmp_path, "echo AttachNotSupportedException; exit 1")
    with pytest.raises(StackError, match="AttachNotSupportedException"):
        show(Agent(java, tmp_path / "agent.jar"), 1, Ports.free().kafka_metrics)


def test_nobody_answers_on_a_port_that_no_agent_has() -> None:
    """So the agent is loaded once, and again into the next broker."""
    assert not are_shown(Ports.free().kafka_metrics)


def test_the_agent_is_one_pinned_jar_and_its_configuration_is_in_the_tree() -> None:
    """The jar is the same in the images, see the Dockerfile."""
    (jar,) = read(AGENT_LOCK)
    assert jar.file_name == "jmx_prometheus_javaagent-1.0.1.jar"
    assert CONFIGURATION.is_file()
