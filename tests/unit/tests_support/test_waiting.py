"""Waiting ends with the value, or in time with a message."""

import pytest

from tests_support.waiting import NotInTimeError, eventually


def test_the_first_truthy_value_ends_the_wait() -> None:
    """Waiting returns the first truthy value and asks no further."""
    values = iter([0, None, "there", "never asked"])
    assert eventually(lambda: next(values), 5, "a value", interval_s=0) == "there"
    assert next(values) == "never asked"


def test_a_deadline_that_passes_tells_what_was_awaited_and_seen() -> None:
    """A wait that ends without success says what was awaited, for how long and what was last seen."""
    with pytest.raises(NotInTimeError, match=r"not in 0 s: the moon is full \(last seen: \[\]\)"):
        eventually(list, 0, "the moon is full")


def test_what_is_only_known_at_the_end_is_told_as_it_is_then() -> None:
    """A log that is empty when the wait begins is shown with what the process wrote meanwhile."""
    log: list[str] = []
    with pytest.raises(NotInTimeError, match="it is ready; its log: no such broker"):
        eventually(lambda: log.append("no such broker"), 0, lambda: f"it is ready; its log: {log[-1]}")


def test_a_listed_error_means_not_yet() -> None:
    """An error that the caller listed is retried until a value comes."""
    answers = iter([ConnectionError("refused"), ConnectionError("refused"), None])

    def ask() -> bool:
        answer = next(answers)
        if answer is not None:
            raise answer
        return True

    assert eventually(ask, 5, "a connection", retry_on=(ConnectionError,), interval_s=0)


def test_any_other_error_ends_the_wait_at_once() -> None:
    """An error that was not listed is raised without a further try."""
    with pytest.raises(ZeroDivisionError):
        eventually(lambda: 1 // 0, 5, "a number", retry_on=(ConnectionError,))
