"""`just up compose`, `down`, `status` and `logs` beside a Docker that a script plays; real ones: tests/compose."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stack import docker
from stack.docker import Container
from stack.errors import StackError
from stack.settings import StackSettings
from tally.base.settings import load
from tests_support.checkout import ROOT
from tests_support.compose.project import free_base

CLIENT = """\
#!{python}
import json, os, sys
words, here = sys.argv[1:], os.path.dirname(os.path.abspath(__file__))
with open(here + "/calls", "a") as file:
    names = ("COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "TALLY_REST_PORT", "TALLY_GRAFANA_PORT", "TALLY_KAFKA_PORT")
    file.write(json.dumps([words, {{name: os.environ.get(name) for name in names}}]) + "\\n")
answers = json.load(open(here + "/answers"))
for begin, (code, out, err) in answers.items():
    if " ".join(words).startswith(begin):
        print(out), print(err, file=sys.stderr)
        sys.exit(code)
"""
GOOD: dict[str, tuple[int, str, str]] = {
    "compose version": (0, "2.26.1-4", ""),
    "version": (0, "1.45 26.1.5", ""),
    "compose config --profiles": (0, "observability", ""),
    "context": (0, "unix:///var/run/docker.sock", ""),
}
UP_ROWS = (
    f"{ROOT}\tmine\tconsumer\trunning\tUp 5 minutes (healthy)\t127.0.0.1:8000->8000/tcp",
    f"{ROOT}\tmine\tproducer\trunning\tUp 5 minutes (healthy)\t127.0.0.1:9464->9464/tcp, 127.0.0.1:50051->50051/tcp",
    f"{ROOT}\tmine\tcontracts\texited\tExited (0) 5 minutes ago\t",
)

Said = subprocess.CompletedProcess[str]
World = Callable[..., Said]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a way to run our command where `docker` gives these answers; its calls are in tmp_path/calls."""
    client = tmp_path / "docker"
    client.write_text(CLIENT.format(python=sys.executable), encoding="utf-8")
    client.chmod(0o755)

    def stack(*words: str, answers: dict[str, tuple[int, str, str]], **settings: str) -> Said:
        (tmp_path / "answers").write_text(json.dumps(answers), encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TALLY_", "COMPOSE_"))}
        own = {"PATH": f"{tmp_path}{os.pathsep}/usr/bin:/bin", "TALLY_DATA_DIR": str(tmp_path / "data")}
        return subprocess.run(
            [sys.executable, "-m", "stack", *words], env={**kept, **own, **settings}, cwd=ROOT,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return stack


def calls(folder: Path) -> list[tuple[list[str], dict[str, str | None]]]:
    return [tuple(json.loads(line)) for line in (folder / "calls").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"compose version": (1, "", "unknown")}, "Docker's compose plugin is not installed: install it"),
        ({"compose version": (0, "v2.5.0", "")}, "Docker's compose plugin is v2.5.0, and 2.20.2 or newer is needed"),
        ({"version": (0, "1.41 20.10.24", "")}, "the Docker engine is 20.10.24 (API 1.41), and 25 or newer is needed"),
        (
            {"version": (1, "", "Cannot connect\nto the daemon")},
            "does not answer (Cannot connect to the daemon): start",
        ),
    ],
)
def test_a_docker_that_cannot_do_it_is_told_in_one_sentence_before_anything_starts(
    world: World, tmp_path: Path, wrong: dict[str, tuple[int, str, str]], told: str
) -> None:
    """No plugin, an old one, an old engine, an engine that is away: exit 1, and the way without Docker is named."""
    done = world("up", "compose", answers={**GOOD, **wrong})
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.strip().endswith("or use `./justw up`, which needs no Docker")
    assert done.stderr.count("\n") == 1
    assert not [words for words, _ in calls(tmp_path) if "up" in words]


def test_a_machine_without_docker_is_told_so(world: World, tmp_path: Path) -> None:
    """Without Docker `up compose` says what to install, and `down` and `status` still work."""
    (tmp_path / "docker").unlink()
    bare = {"PATH": str(tmp_path), "answers": {}}
    done = world("up", "compose", **bare)
    assert (done.returncode, "Docker is not installed: install Docker 25" in done.stderr) == (1, True)
    assert world("down", **bare).stdout == "nothing ran\n"
    assert world("status", **bare).returncode == 0


def test_an_engine_that_hangs_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Docker engine that does not answer within its time is an error that says to restart it."""
    (tmp_path / "docker").write_text("#!/bin/sh\nexec sleep 60\n", encoding="ascii")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(docker, "_ANSWER_S", 0.2)
    with pytest.raises(StackError, match="does not answer in 0 s: restart it"):
        docker.containers(ROOT)


def test_an_unknown_profile_is_named_with_the_one_that_there_is(world: World, tmp_path: Path) -> None:
    """A misspelt profile is refused with the one that exists, and nothing is started."""
    done = world("up", "compose", answers=GOOD, COMPOSE_PROFILES="observabilty")
    assert (
        done.returncode,
        "'observabilty' is not a profile; allowed is observability, or nothing" in done.stderr,
    ) == (2, True)
    assert not [words for words, _ in calls(tmp_path) if "up" in words]


def test_a_taken_port_is_told_but_not_those_of_our_own_containers(world: World, tmp_path: Path) -> None:
    """A port that others have stops `up` with owner and setting; one of our own containers does not."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = {"TALLY_PORT_BASE": str(free_base()), "TALLY_REST_PORT": str(port), "COMPOSE_PROFILES": ""}
        refused = world("up", "compose", answers=GOOD, **settings)
        ours = f"{ROOT}\ttally\tconsumer\trunning\tUp 1 second\t127.0.0.1:{port}->8000/tcp"
        accepted = world("up", "compose", answers={**GOOD, "ps": (0, ours, "")}, **settings)
    assert refused.returncode == 1
    assert re.search(rf"port {port} \(rest\) is taken by process {os.getpid()} .*set TALLY_REST_PORT", refused.stderr)
    assert accepted.returncode == 0, accepted.stderr
    assert [words for words, _ in calls(tmp_path) if "up" in words] == [
        ["compose", "up", "--build", "--detach", "--wait"]
    ]


def test_the_port_base_moves_every_published_port_grafana_s_too(world: World, tmp_path: Path) -> None:
    """As it moves the native stack, so that `just run tally` finds the containers; what is told agrees."""
    base = free_base()
    done = world("up", "compose", answers=GOOD, TALLY_PORT_BASE=str(base), TALLY_KAFKA_PORT=str(base + 20))
    assert done.returncode == 0, done.stderr
    ((_, given),) = [each for each in calls(tmp_path) if "up" in each[0]]
    ports = load(StackSettings, port_base=base, kafka_port=base + 20, _env_file=None).ports()
    assert given["TALLY_REST_PORT"] == str(ports.rest)
    assert given["TALLY_KAFKA_PORT"] == str(base + 20)
    assert given["TALLY_GRAFANA_PORT"] == str(base + 13)
    assert f"REST http://127.0.0.1:{ports.rest}" in done.stdout
    assert f"without a login: http://127.0.0.1:{base + 13}" in done.stdout


def test_a_start_that_fails_is_told_with_where_to_look(world: World) -> None:
    """A failed start ends with code 1 and shows Compose's own words before ours."""
    answers = {"compose up": (17, "", "container tally-kafka-1 is unhealthy"), **GOOD}
    done = world("up", "compose", answers=answers, TALLY_PORT_BASE=str(free_base()), COMPOSE_PROFILES="")
    assert done.returncode == 1
    assert "is unhealthy" in done.stderr
    assert "docker compose up failed" in done.stderr


def test_down_finds_the_containers_by_their_label_and_tells_what_it_stopped(world: World, tmp_path: Path) -> None:
    """The project is the containers' own, and all profiles are meant, whatever the environment says."""
    answers = {**GOOD, "ps": (0, "\n".join(UP_ROWS), "")}
    done = world("down", answers=answers, COMPOSE_PROJECT_NAME="other", COMPOSE_PROFILES="")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "stopped: consumer, producer")
    ((words, given),) = [each for each in calls(tmp_path) if each[0][-1] == "down"]
    assert (given["COMPOSE_PROJECT_NAME"], given["COMPOSE_PROFILES"]) == ("mine", "*")
    asked = next(words for words, _ in calls(tmp_path) if words[0] == "ps")
    assert "label=com.docker.compose.project.working_dir" in asked
    assert words == ["compose", "down"]


def test_containers_of_another_checkout_are_left_alone_and_a_link_to_this_one_is_this_one(
    world: World, tmp_path: Path
) -> None:
    """`down` stops containers of this checkout, also reached by a link, and no other one's."""
    (tmp_path / "link").symlink_to(ROOT)
    foreign = UP_ROWS[0].replace(str(ROOT), "/elsewhere")
    assert world("down", answers={**GOOD, "ps": (0, foreign, "")}).stdout == "nothing ran\n"
    linked = UP_ROWS[0].replace(str(ROOT), str(tmp_path / "link"))
    assert "stopped: consumer" in world("down", answers={**GOOD, "ps": (0, linked, "")}).stdout


def test_status_shows_containers_and_no_native_part_that_is_stopped(world: World) -> None:
    """Status lists the containers alone and fails if one is unhealthy; without any it lists native parts."""
    good = world("status", answers={**GOOD, "ps": (0, "\n".join(UP_ROWS), "")})
    assert good.returncode == 0
    assert re.search(r"^producer +ready +9464, 50051 +Up 5 minutes", good.stdout, re.MULTILINE)
    assert re.search(r"^contracts +done +-", good.stdout, re.MULTILINE)
    assert "stopped" not in good.stdout
    sick = UP_ROWS[0].replace("(healthy)", "(unhealthy)")
    assert world("status", answers={**GOOD, "ps": (0, sick, "")}).returncode == 1
    none = world("status", answers=GOOD)
    assert none.stdout.count("stopped") == 4


def test_logs_are_those_of_the_containers_while_these_are_up(world: World, tmp_path: Path) -> None:
    """One name picks one; a name that nothing has is told with those that there are."""
    answers = {**GOOD, "ps": (0, "\n".join(UP_ROWS), "")}
    assert world("logs", "consumer", answers=answers).returncode == 0
    assert calls(tmp_path)[-1][0] == ["compose", "logs", "--follow", "consumer"]
    unknown = world("logs", "nobody", answers=answers)
    assert (unknown.returncode, "consumer, contracts, producer" in unknown.stderr) == (2, True)
    native = world("logs", "nobody", answers=GOOD)
    assert (native.returncode, "kafka, registry, contracts, producer, consumer" in native.stderr) == (2, True)


@pytest.mark.parametrize(
    ("state", "status", "word"),
    [
        ("running", "Up 3 seconds (health: starting)", "starting"),
        ("running", "Up 3 minutes (unhealthy)", "not ready"),
        ("running", "Up 3 minutes", "running"),
        ("exited", "Exited (137) 3 minutes ago", "crashed"),
        ("exited", "Exited (143) 3 minutes ago", "stopped"),
        ("exited", "Exited (0) 3 minutes ago", "stopped"),
        ("restarting", "Restarting (1) 3 seconds ago", "crashed"),
        ("created", "Created", "starting"),
    ],
)
def test_what_docker_says_of_a_container_is_told_in_the_words_of_the_native_stack(
    state: str, status: str, word: str
) -> None:
    """Each state of a container has the word that the native stack's status uses for it."""
    assert Container("tally", "kafka", state, status, ()).word == word
