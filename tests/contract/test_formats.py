"""Findings where people work: text, JSON, GitHub's annotations and SARIF say the same of lint, plan and check."""

import json
from pathlib import Path
from typing import Any

import pytest

from codegen.commands import findings
from codegen.errors import ContractError
from tests_support.contracts.codegen_command import codegen
from tests_support.contracts.small_contracts import ID, SmallContracts

NASTY = ContractError("avro/a b,c.avsc", "$.fields", "100 %:\r\nnot, so", rule="avro-type", line=3)
NOTE = ContractError("", "", "only told", rule="plan-update", severity="note")


def test_github_takes_each_finding_as_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    """A workflow command is one line; signs that would end it or a property are escaped, and notes are notices."""
    findings.write([NASTY, NOTE], "github", Path("contracts"), 1)
    assert capsys.readouterr().out.splitlines() == [
        "::error file=contracts/avro/a b%2Cc.avsc,line=3,title=codegen avro-type::$.fields: 100 %25:%0D%0Anot, so",
        "::notice title=codegen plan-update::only told",
    ]


def sarif_problems(document: Any) -> list[str]:
    """Return what SARIF 2.1.0 requires and a document lacks."""
    problems = (
        [] if document["version"] == "2.1.0" and document["$schema"].endswith("sarif-2.1.0.json") else ["version"]
    )
    for run in document["runs"]:
        rules = run["tool"]["driver"]["rules"]
        problems += (
            [] if run["tool"]["driver"]["name"] and len({each["id"] for each in rules}) == len(rules) else ["rules"]
        )
        for result in run["results"]:
            if rules[result["ruleIndex"]]["id"] != result["ruleId"] or not result["message"]["text"]:
                problems.append(str(result))
            if result["level"] not in {"none", "note", "warning", "error"}:
                problems.append(result["level"])
            problems += [] if result["locations"] else ["a result without a place"]
            for place in result["locations"]:
                where = place["physicalLocation"]
                if " " in where["artifactLocation"]["uri"] or where.get("region", {"startLine": 1})["startLine"] < 1:
                    problems.append(str(where))
    return problems


def test_sarif_has_what_the_standard_requires(capsys: pytest.CaptureFixture[str]) -> None:
    """Rules are listed once, places are URIs with a line from 1, and a finding about no file stands at the lock."""
    findings.write([NASTY, NOTE, NASTY], "sarif", Path("contracts"), 1)
    document = json.loads(capsys.readouterr().out)
    assert sarif_problems(document) == []
    first, second, _ = document["runs"][0]["results"]
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "contracts/avro/a%20b%2Cc.avsc"
    assert second["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "contracts/contracts.lock"}}


def test_the_commands_say_the_same_in_every_format(tmp_path: Path) -> None:
    """Exit codes do not depend on the format; a plan's breaking change stands at its file."""
    small = SmallContracts(tmp_path / "contracts", "shop")
    codegen(tmp_path, "generate")
    codegen(tmp_path, "lock")
    small.set_fields(ID, {"name": "needed", "type": "string"})
    small.add_proto_field("int32   badly_formatted = 3;")
    cases = {("lint",): 1, ("plan", "--offline"): 3, ("check",): 4}
    for command, code in cases.items():
        said = {form: codegen(tmp_path, *command, "--format", form, code=code) for form in findings.FORMATS}
        assert json.loads(codegen(tmp_path, *command, "--json", code=code)) == json.loads(said["json"])
        assert sarif_problems(json.loads(said["sarif"])) == []
        assert all(line.startswith(("::error ", "::notice ")) for line in said["github"].splitlines())
        assert said["github"].count("::error ") == said["sarif"].count('"level": "error"') > 0
    assert "::error file=contracts/avro/order.avsc,title=codegen breaking::" in codegen(
        tmp_path, "plan", "--offline", "--format", "github", code=3
    )
    codegen(tmp_path, "generate")
    assert json.loads(codegen(tmp_path, "check", "--format", "json")) == {"findings": [], "exit_code": 0}
    (small.root / "avro/order.avsc").write_text("{")
    for command in cases:
        assert "file=contracts/avro/order.avsc,line=1" in codegen(tmp_path, *command, "--format", "github", code=1)
