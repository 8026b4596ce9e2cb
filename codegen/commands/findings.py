"""One writer of findings for lint, plan and check: as text, JSON, GitHub's annotations, or SARIF 2.1.0."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import click

from codegen.errors import CodegenError, ContractError, FindingsError, UnreachableError
from codegen.plan.lock import FILE as LOCK
from codegen.plan.terms import Change, Kind, Wanted

FORMATS: Final = ("text", "json", "github", "sarif")
SHOWN: Final = ("file", "line", "place", "rule", "severity", "problem")
"""What JSON tells of a finding."""
_GITHUB: Final = {"error": "error", "note": "notice"}

Command = TypeVar("Command", bound=Callable[..., Any])


def format_options(command: Command) -> Command:
    """Add ``--format``, as the parameter ``form``, and ``--json``, a short name for one of its values."""

    def json_given(context: click.Context, _option: click.Parameter, given: bool) -> None:
        if given:
            context.params["form"] = "json"

    listed = click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="text",
        show_default=True,
        is_eager=True,
        help="json for programs, github for annotations in GitHub Actions, sarif for code scanning.",
    )
    short = click.option(
        "--json", is_flag=True, expose_value=False, callback=json_given, help="The same as --format json."
    )
    return listed(short(command))


def write(found: Sequence[ContractError], form: str, contracts: Path, code: int) -> None:
    """Print findings for machines. ``form`` is one of FORMATS but text; ``code`` is the exit code."""
    if form == "github":
        for one in found:
            click.echo(_github(one, contracts))
    elif form == "sarif":
        click.echo(json.dumps(_sarif(found, contracts), indent=2, ensure_ascii=False))
    else:
        lines = [{name: getattr(one, name) for name in SHOWN} for one in found]
        click.echo(json.dumps({"findings": lines, "exit_code": code}, indent=2, ensure_ascii=False))


def of_error(error: CodegenError) -> list[ContractError]:
    """Return what an error tells as findings; one without a file where it is about none."""
    if isinstance(error, FindingsError):
        return list(error.findings)
    if isinstance(error, ContractError):
        return [error]
    rule = "unreachable" if isinstance(error, UnreachableError) else "drift" if error.exit_code == 4 else "codegen"
    return [ContractError("", "", str(error), rule=rule)]


def of_lines(lines: Sequence[str]) -> list[ContractError]:
    """Return lines about things that differ from the contracts as findings."""
    return [ContractError("", "", line, rule="drift") for line in lines]


def of_changes(changes: Sequence[Change], wanted: Wanted) -> list[ContractError]:
    """Return what a plan tells as findings: an error for what breaks or drifts, a note for what is only to be done."""
    return [finding for change in changes for finding in _of_change(change, wanted)]


def _of_change(change: Change, wanted: Wanted) -> Iterator[ContractError]:
    file = next((each.file for each in wanted.subjects if change.name == f"subject {each.subject}"), "")
    said = f"{change.kind} {change.name}: {change.sentence}"
    if change.blocking and change.objections:
        for objection in change.objections:
            yield ContractError(file, "", f"{change.name}: {objection}", rule="breaking")
    elif change.blocking or change.kind is Kind.DRIFT:
        yield ContractError(file, "", said, rule="drift")
    elif change.kind is not Kind.NOOP:
        yield ContractError(file, "", said, rule=f"plan-{change.kind.lower()}", severity="note")


def _path(one: ContractError, contracts: Path) -> str:
    """Return the file as people see it from where the command runs; "" for a finding about none."""
    return Path(os.path.relpath(contracts / one.file)).as_posix() if one.file else ""


def _message(one: ContractError) -> str:
    return f"{one.place}: {one.problem}" if one.place else one.problem


def _github(one: ContractError, contracts: Path) -> str:
    path = _path(one, contracts)
    facts = {"file": path, "line": str(one.line or "") if path else "", "title": f"codegen {one.rule}"}
    listed = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in facts.items() if value)
    return f"::{_GITHUB[one.severity]} {listed}::{_escaped(_message(one))}"


def _escaped(text: str, more: str = "") -> str:
    """Return a text as workflow commands take it, in which each line is a command."""
    for sign in f"%\r\n{more}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _sarif(found: Sequence[ContractError], contracts: Path) -> dict[str, Any]:
    rules = sorted({one.rule for one in found})
    driver = {"name": "codegen", "rules": [{"id": rule} for rule in rules]}
    results = [_sarif_result(one, contracts, rules) for one in found]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _sarif_result(one: ContractError, contracts: Path, rules: Sequence[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": one.rule,
        "ruleIndex": rules.index(one.rule),
        "level": one.severity,
        "message": {"text": _message(one)},
    }
    # GitHub's code scanning takes no result without a place: what is about no file stands at the lock.
    path = _path(one, contracts) or (contracts / LOCK).as_posix()
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(path)}}
    if one.line:
        place["region"] = {"startLine": one.line}
    result["locations"] = [{"physicalLocation": place}]
    return result
