"""`tally add` against a scripted service, and the command's help."""

import json
from uuid import uuid4

import pytest

from tests_support.client.fake_tally import FakeTally, refusal, serving

REQUEST_ID = "7b0d7a3c-5d2f-4a9e-9f5a-0d6c1b2a3e4f"


@pytest.mark.parametrize(
    ("a", "b", "total"), [("2", "40.5", "42.5"), ("-2", "-40.25", "-42.25"), ("0.000000001", "0", "0.000000001")]
)
async def test_add_prints_the_exact_sum_also_of_negative_numbers(tally, a, b, total):
    """`tally add` prints the exact decimal sum, for negative operands and nine decimals, too."""
    async with serving(FakeTally()) as target:
        result = await tally("add", a, b, TALLY_GRPC_TARGET=target)
    assert (result.exit_code, result.stdout) == (0, f"{total}\n")


async def test_add_with_a_request_id_is_counted_once_however_often_it_is_typed(tally):
    """A request id typed twice is committed once, and the second answer says that it is a duplicate."""
    fake = FakeTally()
    async with serving(fake) as target:
        await tally("add", "1", "2", "--request-id", REQUEST_ID, TALLY_GRPC_TARGET=target)
        again = await tally("add", "--request-id", REQUEST_ID, "1", "2", "--json", TALLY_GRPC_TARGET=target)
    assert json.loads(again.stdout)["duplicate"] is True
    assert list(fake.committed) == [REQUEST_ID]


async def test_host_and_port_of_the_environment_are_used(tally):
    """TALLY_GRPC_HOST and TALLY_GRPC_PORT choose the producer that the addition goes to."""
    fake = FakeTally()
    async with serving(fake) as target:
        host, port = target.split(":")
        result = await tally("add", "1", "2", TALLY_GRPC_HOST=host, TALLY_GRPC_PORT=port)
    assert (result.exit_code, len(fake.committed)) == (0, 1)


@pytest.mark.parametrize("number", ["1.0000000001", "1" * 30, "1e5", "x", "NaN", "--wrong"])
async def test_what_is_no_number_of_the_contract_is_wrong_usage_and_never_sent(tally, number):
    """An operand that breaks the contract's grammar ends with exit code 2 before any call is made."""
    fake = FakeTally()
    async with serving(fake) as target:
        result = await tally("add", "1", number, TALLY_GRPC_TARGET=target)
    assert (result.exit_code, fake.calls) == (2, [])


async def test_a_refusal_is_exit_code_1_with_the_reason(tally):
    """An addition that the producer refuses ends with exit code 1 and prints the reason and the detail."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("ALREADY_EXISTS", "other operands")
    async with serving(fake) as target:
        result = await tally("add", "1", "2", TALLY_GRPC_TARGET=target)
    assert result.exit_code == 1
    assert "refused, ALREADY_EXISTS: other operands" in result.stderr


async def test_no_answer_in_time_is_69_and_tells_how_to_send_the_same_addition_again(tally):
    """Without an answer the exit code is 69, and the command that it prints sends the same addition once."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("UNAVAILABLE", "not now")
    async with serving(fake) as target:
        result = await tally("add", "1", "-2", "--request-id", REQUEST_ID, "--wait", "0.2", TALLY_GRPC_TARGET=target)
        assert result.exit_code == 69
        command = result.stderr.split("counted once: just run tally ")[1].split()
        fake.script = lambda seen, request: None
        assert (await tally(*command, TALLY_GRPC_TARGET=target)).stdout == "-1\n"
    assert fake.committed == {REQUEST_ID: ("1", "-2")}


async def test_a_wrong_setting_is_wrong_usage_and_named(tally):
    """A port that is not a number ends with exit code 2, and the message names the variable and its value."""
    result = await tally("add", "1", "2", TALLY_GRPC_PORT="many")
    assert result.exit_code == 2
    assert "TALLY_GRPC_PORT is 'many'" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["add", "--help"],
        ["load", "-h"],
        ["total", "-h"],
        ["export", "-h"],
        ["tail", "-h"],
        ["verify", "-h"],
    ],
)
async def test_every_help_text_has_examples(tally, words):
    """The help of the program and of each command ends with exit code 0 and shows example calls."""
    result = await tally(*words)
    assert result.exit_code == 0
    assert "Examples:\n    tally" in result.stdout


async def test_an_unknown_command_is_wrong_usage(tally):
    """A command that `tally` does not have ends with exit code 2."""
    assert (await tally("subtract", str(uuid4()))).exit_code == 2
