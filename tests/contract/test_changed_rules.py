"""A rule that changed is a change of the contract: a tighter one breaks old callers, a looser one has an order."""

from tests_support.contracts.small_contracts import Run, SmallContracts

RULED = """\
syntax = "proto3";

package shop.v1;

import "buf/validate/validate.proto";

message Order {{
  string id = 1 [(buf.validate.field).string.max_len = {}];
}}
"""


def limited(small: SmallContracts, length: int) -> None:
    (small.root / "proto" / small.proto).write_text(RULED.format(length), encoding="utf-8")


def said(run: Run, code: int, *arguments: str) -> str:
    done, told = run(*arguments)
    assert done == code, told
    return told


def test_a_tighter_rule_breaks_old_callers_and_a_looser_one_says_who_is_first(run: Run, small: SmallContracts) -> None:
    """Tightening a rule ends plan and lock with 3 and a sentence; loosening is a version with a note on the order."""
    (small.root / "proto" / small.proto).unlink()
    small.proto = "shop/v1/ruled.proto"
    (small.root / "retired.yaml").write_text("subject shop/v1/order.proto: {moved_to: shop/v1/ruled.proto}\n")
    limited(small, 64)
    said(run, 0, "generate")
    said(run, 0, "lock")
    limited(small, 8)
    told = said(run, 3, "plan", "--offline")
    sentence = "callers on v1 are refused by v2: `shop.v1.Order.id`: string.max_len 64 -> string.max_len 8"
    assert f"UPDATE  subject {small.proto}" in told
    assert sentence in told
    said(run, 0, "generate")
    assert sentence in said(run, 3, "lock")
    limited(small, 256)
    told = said(run, 2, "plan", "--offline")
    first = "v2 takes what v1 refuses, so whoever checks must be on v2 before callers make use of it"
    assert f"note: {first}: `shop.v1.Order.id`: string.max_len 64 -> string.max_len 256" in told
    assert "shop.v1.Order.id: string.max_len 64 -> string.max_len 256" in said(run, 0, "diff", small.proto, "v1..now")
    said(run, 0, "generate")
    assert "v2.proto added" in said(run, 0, "lock")
    said(run, 0, "plan", "--offline")
    limited(small, 64)
    assert "callers on v2 are refused by v3" in said(run, 3, "plan", "--offline")
