"""A stand-in for the user's k6, for tests of `just load --k6`: it takes k6's command line, adds, writes a summary.

``FAKE_K6`` names what is wrong with it: ``claims-more`` and ``claims-fewer`` (acknowledged additions),
``claims-a-sum``, ``invents-an-unknown``, ``crosses`` (ends with 99), ``crashes`` (107, no summary), ``aborted`` (105,
with a summary).
"""

import json
import os
import sys
from pathlib import Path

import grpc

from loadtests.traffic.additions import Draw
from tally.client.transport import request_of
from tally.event.decimals import text_of
from tally.generated.tally.v1 import tally_pb2

ADDITIONS = 20


def main(arguments: list[str]) -> int:
    """Do what ``k6 ARGUMENTS`` would do, and return its exit code."""
    if arguments == ["version"]:
        print("k6 v2.3.0 (a stand-in of the tests)")
        return 0
    assert arguments[0] == "run"
    assert Path(arguments[-1]).is_file()
    assert arguments[1:-1:2] == ["-e"] * len(arguments[2:-1:2])
    variables = dict(each.split("=", 1) for each in arguments[2:-1:2])
    fault = os.environ.get("FAKE_K6", "")
    if fault == "crashes":
        print("Error: the script raised an exception", file=sys.stderr)
        return 107
    acked, total, positions = _add(variables)
    digest: dict[str, object] = {
        "tag": variables["TAG"],
        "acked": acked,
        "refused": 0,
        "unknown": 0,
        "acked_sum": text_of(total),
    }
    changes: dict[str, dict[str, object]] = {
        "claims-more": {"acked": acked + 1}, "claims-fewer": {"acked": acked - 1}, "claims-a-sum": {"acked_sum": "42"},
        "invents-an-unknown": {"unknown": 1},
    }  # fmt: skip
    digest |= changes.get(fault, {})
    summary = {
        "profile": variables["PROFILE"], "seed": int(variables["SEED"]), "tag": variables["TAG"], "limit": False,
        "started_at": "2026-11-30T00:00:00+00:00", "thresholds": ["add_p50_ms <= 250"], "machine": {}, "cpu_cores": {},
        "broken": ["add_p50_ms <= 250: 300"] if fault == "crosses" else [], "figures": {"add_p50_ms": 1.0},
        "codes": {}, "unexpected": {}, "slowest_traced": [], "warnings": [], "positions": positions,
        "verdict": {"digest": digest, "lost": 0, "wrong_sum": 0},
    }  # fmt: skip
    Path(variables["SUMMARY"]).write_text(json.dumps(summary), encoding="utf-8")
    return {"crosses": 99, "aborted": 105}.get(fault, 0)


def _add(variables: dict[str, str]) -> tuple[int, int, dict[str, int]]:
    draw = Draw.seeded(bytes.fromhex(variables["TAG"]), int(variables["SEED"]))
    total, positions = 0, {}
    with grpc.insecure_channel(variables["GRPC"]) as channel:
        add = channel.unary_unary(
            "/tally.v1.TallyService/Add", tally_pb2.AddRequest.SerializeToString, tally_pb2.AddResponse.FromString
        )
        for each in draw.many(ADDITIONS):
            answer = add(request_of(each), timeout=30)
            total += each.sum
            positions[str(answer.position.partition)] = answer.position.offset
    return ADDITIONS, total, positions


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
