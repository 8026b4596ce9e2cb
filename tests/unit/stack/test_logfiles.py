"""Logs of the parts: bounded, shown at their end, followed."""

from stack.log_writer import KEPT, rotate
from stack.logfiles import follow, tail


def test_a_start_keeps_the_last_logs_and_no_more(tmp_path):
    """Each start moves the log away, and only a fixed number of earlier ones is kept."""
    log = tmp_path / "log" / "kafka.log"
    for number in range(KEPT + 3):
        rotate(log)
        log.write_text(f"start {number}")
    kept = {path.name: path.read_text() for path in log.parent.iterdir()}
    assert kept == {
        "kafka.log": f"start {KEPT + 2}",
        **{f"kafka.log.{age}": f"start {KEPT + 2 - age}" for age in range(1, KEPT + 1)},
    }


def test_the_end_of_a_log_is_its_last_lines_even_when_it_is_huge(tmp_path):
    """The end of a log of 100,000 lines is its last lines, indented."""
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    assert tail(log, 2) == "  line 99998\n  line 99999"


def test_a_log_that_is_missing_or_empty_or_not_text_has_an_end_to_show(tmp_path):
    """A log that is missing, empty or not text is shown as such and raises no error."""
    assert "no log" in tail(tmp_path / "none.log")
    (tmp_path / "empty.log").touch()
    assert "empty" in tail(tmp_path / "empty.log")
    (tmp_path / "binary.log").write_bytes(b"\xff\xfe\n")
    assert tail(tmp_path / "binary.log")


def test_following_shows_what_was_there_and_what_comes_across_a_restart(tmp_path):
    """Following a log shows old lines, new ones once they are whole, and those after a rotation."""
    log = tmp_path / "x.log"
    log.write_text("old\n")
    lines = follow({"x": log})
    assert next(lines) == "old"
    with log.open("a") as file:
        file.write("ne")
        file.flush()
        file.write("w\n")
    assert next(lines) == "new"
    rotate(log)
    log.write_text("after the restart\n")
    assert next(lines) == "after the restart"


def test_following_several_logs_names_the_part_in_each_line(tmp_path):
    """Lines of several followed logs begin with the part's name, aligned."""
    for name in ("kafka", "registry"):
        (tmp_path / name).write_text(f"hello of {name}\n")
    lines = follow({name: tmp_path / name for name in ("kafka", "registry")})
    assert [next(lines), next(lines)] == ["kafka    | hello of kafka", "registry | hello of registry"]


def test_a_log_that_does_not_exist_yet_is_followed_from_its_first_line(tmp_path):
    """A log that is made after the following began is shown from its first line."""
    log = tmp_path / "later.log"
    lines = follow({"later": log, "other": tmp_path / "other.log"})
    (tmp_path / "other.log").write_text("first\n")
    assert next(lines) == "other | first"
