"""``tally verify --topic``: what the oracle finds when it holds a whole system against its topic."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from confluent_kafka import KafkaException

from oracle.checks import PROMISES
from oracle.history import Call, HistoryError, Watermark, read_history
from oracle.judging import judge
from oracle.kafka_reading import UnreadableError
from oracle.reading import System, gather
from oracle.report import Report
from tally.cli.failures import CommandError, UnavailableError, WrongUsageError
from tally.cli.services.kafka import quiet_config
from tally.cli.settings import ClientSettings
from tally.cli.shared import settings
from tally.kafka.config import read_properties

_TOPIC = re.compile(r"(?P<servers>[^/\s]+:[0-9]{1,5})/(?P<topic>[A-Za-z0-9._-]{1,249})")
_URL = re.compile(r"https?://[^\s]+")


@dataclass(frozen=True)
class SystemOptions:
    """What the command line says; ``topic`` as BOOTSTRAP/TOPIC."""

    topic: str
    ledgers: Sequence[Path]
    rest_urls: Sequence[str]
    histories: Sequence[Path]
    group: str
    wait_s: float


def verify_system(options: SystemOptions, *, as_json: bool) -> None:
    """Read, judge and print. Raises CommandError when a check failed, or when something cannot be read."""
    system = _system(options, settings())
    calls, watermarks = _histories(options.histories)
    try:
        facts = gather(system, calls=calls, watermarks=watermarks, drain_s=options.wait_s)
    except (UnreadableError, ConnectionError) as error:
        raise UnavailableError(str(error)) from None
    except KafkaException as error:
        raise UnavailableError(f"Kafka at {system.kafka}: {error.args[0].str()}") from None
    if not facts.ledgers:
        raise CommandError(
            f"no ledger of {system.topic} in {', '.join(str(each) for each in options.ledgers)}: "
            f"one lies in DATA/consumer/REPLICA/ledger/{system.topic}-PARTITION"
        )
    report = judge(facts)
    click.echo(json.dumps(_document(report), indent=1) if as_json else _table(report))
    if not report.clean:
        failed = list(dict.fromkeys(finding.invariant for finding in report.findings))
        raise CommandError(
            f"{len(failed)} of {len(PROMISES) - len(report.unchecked)} checks failed: {', '.join(failed)}"
        )


def _system(options: SystemOptions, environment: ClientSettings) -> System:
    parts = _TOPIC.fullmatch(options.topic)
    if parts is None:
        raise WrongUsageError(
            f"--topic {options.topic!r} is not BOOTSTRAP/TOPIC, for example 127.0.0.1:9092/tally.sums.v1"
        )
    if not options.ledgers:
        raise WrongUsageError("--topic needs at least one --ledger DIR, for example --ledger data")
    for url in options.rest_urls:
        if _URL.fullmatch(url) is None:
            raise WrongUsageError(f"--rest {url!r} is not an address, for example http://127.0.0.1:8000")
    quiet_config(environment)  # tells a property that Kafka's client refuses
    properties = {} if environment.kafka_config is None else read_properties(environment.kafka_config)
    return System(
        kafka=parts["servers"],
        # The command line names the servers; a file that names some, too, is for the services.
        kafka_properties={name: value for name, value in properties.items() if name != "bootstrap.servers"},
        registry_url=environment.registry_url.rstrip("/"),
        registry_headers=_authorization(environment),
        rest_urls=[url.rstrip("/") for url in options.rest_urls],
        ledgers=options.ledgers,
        topic=parts["topic"],
        group=options.group,
    )


def _authorization(environment: ClientSettings) -> Mapping[str, str]:
    if environment.registry_token:
        return {"Authorization": f"Bearer {environment.registry_token}"}
    if environment.registry_user:
        pair = f"{environment.registry_user}:{environment.registry_password}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {}


def _histories(paths: Sequence[Path]) -> tuple[list[Call], list[Watermark]]:
    calls: list[Call] = []
    watermarks: list[Watermark] = []
    for path in paths:
        try:
            some_calls, some_watermarks = read_history(path)
        except HistoryError as error:
            raise WrongUsageError(str(error)) from None
        except OSError as error:
            raise CommandError.of_file(error, path) from None
        calls += some_calls
        watermarks += some_watermarks
    return calls, watermarks


def _messages(report: Report, name: str) -> list[str]:
    return [finding.message for finding in report.findings if finding.invariant == name]


def _table(report: Report) -> str:
    lines = []
    for name, promise in PROMISES.items():
        messages = _messages(report, name)
        if messages:
            lines.append(f"{name:<8} FAILED       {promise}")
            lines += [f"{'':<22}{message}" for message in messages]
        elif name in report.unchecked:
            lines.append(f"{name:<8} not checked  {promise}: {report.unchecked[name]}")
        else:
            lines.append(f"{name:<8} ok           {promise}")
    return "\n".join([*lines, report.summary])


def _document(report: Report) -> dict[str, object]:
    return {
        "ok": report.clean,
        "checks": [
            {
                "name": name,
                "state": _state(report, name),
                "promise": promise,
                "messages": _messages(report, name),
                "missing": report.unchecked.get(name, ""),
            }
            for name, promise in PROMISES.items()
        ],
        "records": report.records,
        "counted": report.counted,
        "duplicates": report.duplicates,
        "conflicts": report.conflicts,
        "poison": report.poison,
        "total": f"{report.total:f}",
        "calls": report.calls,
        "acknowledged": report.acknowledged,
    }


def _state(report: Report, name: str) -> str:
    if _messages(report, name):
        return "failed"
    return "not checked" if name in report.unchecked else "ok"
