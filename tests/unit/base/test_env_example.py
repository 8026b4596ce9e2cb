""".env.example names every setting and no other, and copied to .env with every line in force it changes nothing."""

import re
from pathlib import Path

import pytest

from consumer.settings import ConsumerSettings
from producer.settings import ProducerSettings
from stack.checkout import settings_of_checkout, stack_of
from stack.settings import StackSettings
from tally.base.addresses import BASE
from tally.base.settings import Settings, load, variable_of
from tally.cli.settings import ClientSettings
from tests_support.checkout import ROOT

EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
LINE = re.compile(r"^#?(TALLY_\w+)=", re.MULTILINE)
PROGRAMS: list[type[Settings]] = [StackSettings, ProducerSettings, ConsumerSettings, ClientSettings]
FROM_THE_ENVIRONMENT_ONLY = {"TALLY_CACHE_DIR"}
FOR_TESTS_ONLY = {"TALLY_FAULT_POINTS"}


@pytest.fixture
def all_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file with every line in force, and let nothing else be set."""
    path = tmp_path / ".env"
    path.write_text(LINE.sub(r"\1=", EXAMPLE), encoding="utf-8")
    for name in LINE.findall(EXAMPLE):
        monkeypatch.delenv(name, raising=False)
    return path


def test_every_setting_is_named_once_and_every_name_is_a_setting() -> None:
    """The example lists each setting of the stack, the services and the tally command, and no other name."""
    named = LINE.findall(EXAMPLE)
    exist = {variable_of(name) for program in PROGRAMS for name in program.model_fields}
    assert sorted(named) == sorted((exist | FROM_THE_ENVIRONMENT_ONLY) - FOR_TESTS_ONLY)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_values_shown_are_the_defaults(program: type[Settings], all_in_force: Path) -> None:
    """With every line of the example in force, each program has the settings that it has without any."""
    assert load(program, _env_file=all_in_force) == load(program, _env_file=None)


@pytest.mark.parametrize("in_force", [False, True])
def test_a_stack_starts_with_the_example_as_without_it(
    in_force: bool, all_in_force: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copied to .env as it stands, or with every line in force, the example moves no part and leaves none out."""
    without = stack_of(settings_of_checkout())
    if not in_force:
        all_in_force.write_text(EXAMPLE, encoding="utf-8")
    monkeypatch.setenv("TALLY_ENV_FILE", str(all_in_force))
    stack = stack_of(settings_of_checkout())
    assert (stack.data_dir, stack.ports, dict(stack.absent)) == (without.data_dir, without.ports, {})
    environment = stack._launch("producer").environment
    assert environment["TALLY_ENV_FILE"] == ""
    assert "" not in {environment.get(name, "unset") for name in (BASE, "TALLY_KAFKA_CONFIG", "TALLY_REGISTRY_CA")}
