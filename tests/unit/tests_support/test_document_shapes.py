"""What a document shows is compared with what is printed: numbers, times and new names may differ, nothing else."""

import pytest

from tests_support.documents.shape import Names

JOB = "20261125T230000Z-1f0a9c2e"
OTHER_JOB = "20270101T000000Z-00000000"


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        ('{"total":"42.5","count":1,…', '{"total":"-7","count":1,234,"poison":0}'),
        ('"timestamp":"2026-11-23T06:47:30.940000Z"', '"timestamp":"2027-01-01T00:00:00Z"'),
        ("      3:1041  WRONG_SUM  ready", "   11:0  WRONG_SUM  ready"),
        (f"location: /v1/exports/{JOB}", f"location: /v1/exports/{OTHER_JOB}\r\n"),
        ('"partition": 9\n  }', '"partition": 9,\n    "offset": "2"\n  }'),
        ('"partition": 9,\n    "offset": "2"\n  }', '"partition": 9\n  }'),
    ],
)
def test_numbers_times_and_new_names_may_differ(shown: str, seen: str) -> None:
    """Output fits what a document shows if only numbers, times and made-up names differ."""
    assert Names().fits(shown, seen)


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        ('{"total":"42.5","count":1}', '{"total":"42.5","counted":1}'),
        ('{"total":"42.5"}', '{"total":42.5}'),
        ('"state":"DONE"', '"state":"RUNNING"'),
        ('"topic":"tally.sums.v1"', '"topic":"tally.sums.v2"'),
        ("one line", "one line\nand another"),
        (f"{JOB} {JOB}", f"{OTHER_JOB} {JOB}"),
    ],
)
def test_anything_else_must_be_as_shown(shown: str, seen: str) -> None:
    """Output with another field, word, type or line, or two names for one, does not fit the document."""
    assert not Names().fits(shown, seen)


def test_a_name_that_was_answered_stands_in_the_next_command() -> None:
    """The id that an order of an export got is the one that is asked for."""
    names = Names()
    assert names.fits(f"location: /v1/exports/{JOB}", f"location: /v1/exports/{OTHER_JOB}")
    assert names.put(f"curl -s localhost:8000/v1/exports/{JOB}/file").endswith(f"/{OTHER_JOB}/file")


def test_a_name_that_the_user_chose_must_come_back() -> None:
    """A request id is the caller's: an answer with another one is not what is shown."""
    own, other = "c45facb5-2d96-4ead-8328-46c9aab12dec", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    names = Names()
    names.keep(f'grpcurl -d \'{{"request_id":"{own}"}}\'')
    assert names.fits(f'"requestId": "{own}"', f'"requestId": "{own}"')
    assert not names.fits(f'"requestId": "{own}"', f'"requestId": "{other}"')
