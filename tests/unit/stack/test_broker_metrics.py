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
    """A Java without jcmd, such as a mere JRE, is refused with the setting that brings one."""
    with pytest.raises(StackError, match="TALLY_JAVA=bundled has it"):
        show(Agent(tmp_path, tmp_path / "agent.jar"), 1, Ports.free().kafka_metrics)


def test_a_broker_that_does_not_take_the_agent_is_told_in_the_words_of_the_tool(tmp_path: Path) -> None:
    """A broker that refuses the agent is reported with the words of jcmd, which can be looked up."""
    java = jdk(tmp_path, "echo AttachNotSupportedException; exit 1")
    with pytest.raises(StackError, match="AttachNotSupportedException"):
        show(Agent(java, tmp_path / "agent.jar"), 1, Ports.free().kafka_metrics)


def test_nobody_answers_on_a_port_that_no_agent_has() -> None:
    """Metrics of a broker without the agent are reported as absent, so that the agent gets loaded."""
    assert not are_shown(Ports.free().kafka_metrics)


def test_the_agent_is_one_pinned_jar_and_its_configuration_is_in_the_tree() -> None:
    """The metrics agent is one pinned jar, and its configuration is part of the checkout."""
    (jar,) = read(AGENT_LOCK)
    assert jar.file_name == "jmx_prometheus_javaagent-1.0.1.jar"
    assert CONFIGURATION.is_file()
