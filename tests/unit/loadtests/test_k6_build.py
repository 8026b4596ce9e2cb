"""`just k6` builds by the user's xk6, looks that the k6 has the extension, and else says what to do."""

from pathlib import Path

import pytest

from loadtests.external import k6_build
from loadtests.external.k6_program import EXTENSION

_SAYS = "k6 v2.2.0 (a stand-in)\nExtensions:\n  tally.internal/xk6-tally (devel), k6/x/tally [js]"


def fake_xk6(folder: Path, k6_says: str, code: int = 0) -> Path:
    """Make an xk6 that writes its arguments beside itself, and a k6 that says something, where --output tells."""
    xk6 = folder / "xk6"
    xk6.write_text(
        f'#!/bin/sh\necho "$@" > "$0.asked"\n[ {code} -eq 0 ] || exit {code}\n'
        f'while [ "$1" != --output ]; do shift; done\n'
        f"printf '%s\\n' '#!/bin/sh' \"cat <<'E'\" '{k6_says}' E > \"$2\"\nchmod +x \"$2\"\n",
        encoding="utf-8",
    )
    xk6.chmod(0o755)
    return xk6


def test_it_builds_the_folder_and_shows_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """xk6 on PATH is asked for the pinned k6 with the extension's folder; exit code 0, and the k6 is told."""
    xk6 = fake_xk6(tmp_path, _SAYS)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("TALLY_XK6", raising=False)
    output = tmp_path / "out" / "k6"
    assert k6_build.main(["--output", str(output)]) == 0
    asked = (tmp_path / "xk6.asked").read_text(encoding="utf-8").split()
    assert [str(xk6), *asked] == k6_build.build_command(str(xk6), k6_build.k6_version(), output)
    assert EXTENSION in capsys.readouterr().out


def test_a_k6_without_the_extension_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A k6 that does not list the extension ends with 1 and with what it says of itself."""
    monkeypatch.setenv("TALLY_XK6", str(fake_xk6(tmp_path, "k6 v2.2.0 (plain)")))
    assert k6_build.main(["--output", str(tmp_path / "k6")]) == 1
    assert "without k6/x/tally" in (told := capsys.readouterr().err)
    assert "(plain)" in told


def test_a_build_that_fails_leaves_no_older_k6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When xk6 fails, the exit code is 1, and a k6 of an earlier build is not left to pass for the new one."""
    monkeypatch.setenv("TALLY_XK6", str(fake_xk6(tmp_path, _SAYS, code=3)))
    older = tmp_path / "k6"
    older.write_text("older", encoding="utf-8")
    assert k6_build.main(["--output", str(older)]) == 1
    assert not older.exists()


@pytest.mark.parametrize("named", [None, "/nowhere/xk6"])
def test_without_xk6_it_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], named: str | None
) -> None:
    """Without an xk6 the exit code is 2, and the message says how to get one and what needs none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TALLY_XK6", raising=False)
    if named is not None:
        monkeypatch.setenv("TALLY_XK6", named)
    assert k6_build.main(["--output", str(tmp_path / "k6")]) == 2
    told = capsys.readouterr().err
    assert ("go install go.k6.io/xk6@latest" in told and "just load" in told) if named is None else named in told
