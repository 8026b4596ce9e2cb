"""The contracts as they were last locked: the newest version of each subject from the history, with the topics of now.

Protobuf texts are those that were published, in which rules are comments; they become rules again.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codegen import tree
from codegen.avro import parse as avro_parse
from codegen.avro.references import stand_alone
from codegen.errors import CodegenError
from codegen.plan import history, retired
from codegen.plan import lock as locks
from codegen.plan.lock import Lock
from codegen.remote.registry_text import with_rules
from codegen.subjects import claims
from codegen.text import snake
from codegen.tree import Contracts


@contextmanager
def contracts(root: Path) -> Iterator[Contracts]:
    """Yield the locked contracts. Raises CodegenError without a lock or without any locked version."""
    lock = locks.load(root)
    if lock is None or not any(subject.versions for subject in lock.subjects.values()):
        raise CodegenError(f"{root / locks.FILE} holds no versions; record some: codegen lock, or codegen publish")
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for path, text in _texts(root, lock):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        for topic in tree.read(root).topics:
            if (folder / topic.schema).is_file():
                (folder / "topics").mkdir(exist_ok=True)
                shutil.copyfile(root / topic.file, folder / topic.file)
        yield tree.read(folder, released=True)  # codegen.yaml, by which files have their subjects, is not there


def _texts(root: Path, lock: Lock) -> Iterator[tuple[str, str]]:
    """Yield (path below a contracts folder, text) of each subject's newest version, under the name it has now."""
    now = tree.read(root)
    claimed = {each.subject: each.schema for each in claims(now.topics, now.avro, now.proto, now.project.subjects)}
    files = {schema.full_name: path for path, schema in now.avro.items() if schema.full_name}
    given_up = retired.sentences(now.retired)
    carried = {name: topic.subjects for name, topic in lock.topics.items()}
    for name in lock.subjects:
        if retired.of_subject(given_up, name, carried):
            continue
        versions = history.versions_of(root, lock, name)
        if versions and lock.subjects[name].type == "PROTOBUF":
            newest = versions[-1]
            file = lock.subjects[name].import_path(name)
            yield f"proto/{file}", with_rules({**dict(newest.imports), file: newest.text}, file)
        elif versions:
            text = stand_alone(versions[-1].text, versions[-1].imports)
            top = avro_parse.parse(name, text)
            gone = lock.subjects[name].versions[-1].file or f"avro/{snake(top.name.rpartition('.')[2])}.avsc"
            yield claimed.get(name) or files.get(top.full_name, gone), text
