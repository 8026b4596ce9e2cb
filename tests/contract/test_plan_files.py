"""Where `codegen plan --out` writes a plan, and what it leaves alone."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from codegen import tree
from codegen.__main__ import main
from codegen.commands import plan
from codegen.errors import CodegenError
from codegen.plan import lock
from codegen.plan.file import load
from codegen.remote.publish import Publisher
from tests_support.contracts.publishing_world import World
from tests_support.contracts.small_contracts import Run
from tests_support.ledger.devices import device


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """Put a registry in memory in the place of the one that is named; ``run`` makes the contracts."""
    world = World()

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[Publisher]:
        yield world.publisher()

    monkeypatch.setattr(plan, "open_publisher", opened)


def planned(monkeypatch: pytest.MonkeyPatch, out: str) -> int:
    monkeypatch.setattr("sys.argv", ["codegen", "plan", "--registry", "http://registry.test", "--out", out])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_a_plan_on_standard_output_is_the_plan_and_nothing_else(
    registry: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`plan --out -` prints a plan that can be loaded again; the report goes to standard error."""
    assert planned(monkeypatch, "-") == 2
    out, err = capfd.readouterr()
    (tmp_path / "plan.json").write_text(out, encoding="utf-8")
    assert len(load(tmp_path / "plan.json").changes) > 0
    assert "changes pending" in err
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("name", ["null", "link"])
def test_a_plan_replaces_no_device_and_no_link(
    registry: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """A plan is written into a device or through a link, which stay what they are."""
    path = tmp_path / name
    if name == "link":
        path.symlink_to("target.json")
    if name == "null":
        path = device(tmp_path, "null")
    kind = stat.S_IFMT(path.lstat().st_mode)
    assert planned(monkeypatch, str(path)) == 2
    assert stat.S_IFMT(path.lstat().st_mode) == kind
    if name == "link":
        assert len(load(tmp_path / "target.json").changes) > 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [("folder", "is a directory"), ("none/plan.json", "there is no folder"), ("full", "No space")],
)
def test_a_plan_that_cannot_be_written_is_told_in_one_line(
    registry: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    reason: str,
) -> None:
    """A plan that cannot be written ends with exit code 1 and one line with its path and the reason."""
    (tmp_path / "folder").mkdir()
    path = device(tmp_path, "full") if name == "full" else tmp_path / name
    assert planned(monkeypatch, str(path)) == 1
    told = capfd.readouterr().err.strip().splitlines()[-1]
    assert f"{path} cannot be written" in told
    assert reason in told


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_generated_files_and_the_lock_go_into_nothing_but_files(run: Run, tmp_path: Path, kind: str) -> None:
    """A pipe or a device in the place of the lock or of generated code is refused and does not block."""
    assert run("generate")[0] == 0
    root = Path("contracts")
    place = root / lock.FILE
    found = lock.load(root)
    assert found is not None
    place.unlink()
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(device(tmp_path, "null"))
    with pytest.raises(CodegenError, match="is not a regular file, and this one must be"):
        lock.save(root, found)
    assert "is not a regular file" in run("check")[1]
    module = root / "generated" / "__init__.py"
    text = module.read_text(encoding="utf-8")
    module.unlink()
    if kind == "pipe":
        os.mkfifo(module)
    else:
        module.symlink_to(place.readlink())
    files = tree.files_of(root / "generated")
    with pytest.raises(CodegenError, match="is not a regular file, and this one must be"):
        tree.replace(root / "generated", {**files, "__init__.py": text})


def test_a_link_in_the_place_of_a_generated_file_or_of_the_lock_stays_a_link(run: Run) -> None:
    """Generating writes through symbolic links and replaces none of them."""
    root = Path("contracts")
    for path in (root / lock.FILE, root / "generated" / "__init__.py"):
        target = Path(f"{path.name}.target").absolute()
        path.rename(target)
        target.write_text(target.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        path.symlink_to(target)
    (root / lock.FILE).unlink()
    (root / lock.FILE).symlink_to(Path("new.lock").absolute())
    assert run("generate")[0] == 0
    assert (root / lock.FILE).is_symlink()
    assert (root / "generated" / "__init__.py").is_symlink()
    assert Path("new.lock").is_file()
