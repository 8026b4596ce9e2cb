"""What may be shown: no control character and no secret, whatever comes from outside."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.base.shown.values import is_clear_address, masked_address, printable, quoted, without_secrets

SECRET = "s3cr3t"

CLEAR = {
    "http://h": "http://h",
    "http://h:8081/apis/ccompat/v7": "http://h:8081/apis/ccompat/v7",
    "https://[::1]:8081/x": "https://[::1]:8081/x",
    f"http://u:{SECRET}@h:8081/x": "http://***@h:8081/x",
    f"http://{SECRET}@h": "http://***@h",
    f"http://u:{SECRET}@more@h/x": "http://***@h/x",
    f"http://u:{SECRET}%2Fet@h": "http://***@h",
    f"http://h/x?token={SECRET}": "http://h/x?***",
    f"http://h/x?a=b#{SECRET}": "http://h/x?***",
}
UNCLEAR = [
    f"http://u:{SECRET}/et@h",
    f"http://u:a/{SECRET}@h",
    f"http://u:{SECRET}?et@h",
    f"http://u:{SECRET}#et@h",
    f"http://u:a@b/{SECRET}@h",
    f"http://u:{SECRET}",
    f"http://u:{SECRET}\\@h/@",
    f"https://u:{SECRET}://x@h",
]


@pytest.mark.parametrize(("address", "shown"), CLEAR.items())
def test_an_address_is_shown_without_user_password_and_query(address: str, shown: str) -> None:
    """The rest stays, so that a reader knows which address it is."""
    assert masked_address(address) == shown
    assert masked_address(shown) == shown


@pytest.mark.parametrize("address", UNCLEAR)
def test_of_an_address_that_cannot_be_told_apart_only_the_scheme_is_shown(address: str) -> None:
    """A slash or a question mark may be part of the password, and nobody can know."""
    assert masked_address(address) == address.partition("://")[0] + "://***"
    assert not is_clear_address(address)


def test_a_value_without_scheme_shows_no_password_and_other_values_are_left_alone() -> None:
    """Somebody who forgets http:// has typed the password all the same; paths and lists of hosts are none."""
    assert masked_address(f"u:{SECRET}@h:8081") == "***"
    for value in ("127.0.0.1:9092,127.0.0.1:9093", "/a:b@c/data", "data", ""):
        assert masked_address(value) == value


@pytest.mark.parametrize("address", [*CLEAR, *UNCLEAR])
@pytest.mark.parametrize("text", ["{}", "no answer at {}: start it", "({}), or", "HTTPConnectionPool('{}')", "at {}."])
def test_addresses_within_a_text_show_no_secret(address: str, text: str) -> None:
    """Whatever stands around them, and the text around them stays."""
    shown = without_secrets(text.format(address))
    assert SECRET not in shown
    assert shown == text.format(masked_address(address))


@given(st.text(), st.text(st.characters(codec="ascii")))
def test_what_is_printable_is_one_line_without_control_characters(text: str, ascii_text: str) -> None:
    """Of any text, also one with half a surrogate; JSON and logs can carry it, and it is its own image."""
    for each in (text, ascii_text):
        shown = printable(each)
        assert shown.isprintable()
        assert shown.splitlines() in ([shown], [])
        assert printable(shown) == shown
        assert json.loads(json.dumps(shown)) == shown


def test_what_cannot_be_printed_is_written_as_repr_does() -> None:
    """A reader sees what it was; letters of any language stay."""
    assert printable("Zähler ü 漢字 🙂") == "Zähler ü 漢字 🙂"
    assert printable("a\n2026 ERROR \x1b[2J\r\x9b\u202eb\u2028\x00") == (
        "a\\n2026 ERROR \\x1b[2J\\r\\x9b\\u202eb\\u2028\\x00"
    )
    assert printable("a\tb\n", keep="\t") == "a\tb\\n"


@given(st.text(max_size=300))
def test_a_quoted_text_is_one_short_line_that_says_how_long_a_cut_one_was(text: str) -> None:
    """What a caller sent stands in a message as ``repr`` writes it; a long one is cut, and its length is told."""
    shown = quoted(text)
    assert shown.isprintable()
    assert shown == (repr(text) if len(text) <= 64 else f"{text[:64]!r}... ({len(text)} characters)")
