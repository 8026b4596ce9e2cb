"""Pages to browse the contracts: an index, and a page for each subject with its facts, its fields and its history.

A pure picture of the contracts' folder: no times, no machine, no network; the same bytes everywhere.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Final

from codegen.pages import avro as page_avro
from codegen.pages import proto as page_proto
from codegen.pages.html import code, facts, in_line, items, link, page, prose, table
from codegen.plan import history, version_words
from codegen.plan.judge import OldVersion
from codegen.plan.lock import Lock
from codegen.plan.terms import WantedSubject
from codegen.plan.wanted import wanted as wanted_of
from codegen.proto import compiler as proto_compiler
from codegen.proto.rules import message_rules
from codegen.topics.topic import Topic
from codegen.tree import Contracts

FOLDER: Final = "pages"
_INDEX: Final = "index.html"


def pages(contracts: Contracts, lock: Lock | None) -> dict[str, str]:
    """Return every page by file name. Raises CodegenError."""
    subjects = [subject for subject in wanted_of(contracts).subjects if subject.owned]
    released = history.all_of(contracts.root, lock)
    now = ((s.import_path, s.text, s.imports) for s in subjects if s.kind == "PROTOBUF" and s.subject in released)
    proto_compiler.prepare(({**dict(imports), name: text}, name) for name, text, imports in now)
    topics = {topic.subject: topic for topic in contracts.topics}
    protobuf = _protobuf(contracts)
    names = page_names(subject.subject for subject in subjects)
    made = {_INDEX: _index(subjects, names, topics, lock)}
    for subject in subjects:
        parts = [_facts(subject, topics.get(subject.subject), lock)]
        parts += [_avro(contracts, subject) if subject.kind == "AVRO" else protobuf[subject.import_path]]
        parts += _history(subject, released.get(subject.subject, ()), lock)
        made[names[subject.subject]] = page(subject.subject, "".join(parts))
    return made


def page_names(subjects: Iterable[str]) -> dict[str, str]:
    """Return the file of each subject's page, one each, also on disks that take A and a for the same.

    It is called like the subject, with _ for /. Where two would be one, a name without / comes first, and the other has
    one more _ at its end.
    """
    found: dict[str, str] = {}
    taken = {_INDEX}
    for subject in sorted(subjects, key=lambda name: ("/" in name, name)):
        name = subject.replace("/", "_")
        while f"{name}.html".casefold() in taken:
            name += "_"
        found[subject] = f"{name}.html"
        taken.add(found[subject].casefold())
    return found


def _index(
    subjects: Sequence[WantedSubject], names: Mapping[str, str], topics: dict[str, Topic], lock: Lock | None
) -> str:
    on_topics, others = [], []
    for subject in subjects:
        topic = topics.get(subject.subject)
        newest = _newest(lock, subject.subject)
        shown = link(names[subject.subject], topic.name if topic else subject.subject)
        if topic is not None:
            on_topics.append((shown, escape(topic.owner), in_line(topic.purpose), escape(topic.compatibility), newest))
        else:
            others.append((shown, escape(subject.title), escape(subject.level_in_force or ""), newest))
    body = "<p>What programs say to each other here: topics, records and services.</p>\n"
    if on_topics:
        body += "<h2>Topics</h2>\n" + table(("topic", "owner", "purpose", "compatibility", "version"), on_topics)
    if others:
        body += "<h2>Services, and records in files</h2>\n"
        body += table(("contract", "what it is", "compatibility", "version"), others)
    return page("Contracts", body, home=False)


def _newest(lock: Lock | None, subject: str) -> str:
    locked = lock.subjects.get(subject) if lock is not None else None
    return f"v{locked.versions[-1].version}" if locked is not None and locked.versions else "not released"


def _facts(subject: WantedSubject, topic: Topic | None, lock: Lock | None) -> str:
    places = [
        f"{escape(name)}: version {place[subject.subject].version}, id {place[subject.subject].id}"
        for name, place in (lock.registries.items() if lock is not None else ())
        if subject.subject in place
    ]
    pairs = [
        ("subject", code(subject.subject)),
        ("what it is", escape(subject.title)),
        ("compatibility", escape(subject.level_in_force or "the registry's own")),
        ("newest version", _newest(lock, subject.subject)),
        ("fingerprint", code(subject.fingerprint)),
        ("needs", ", ".join(code(one.name) for one in subject.references)),
        ("registries", "<br>".join(places)),
    ]
    if topic is None:
        return facts(pairs)
    config = "<br>".join(f"{code(name)} {escape(value)}" for name, value in sorted(topic.config.items()))
    pairs += [
        ("topic", code(topic.name)),
        ("owner", escape(topic.owner)),
        ("key", escape(topic.key_format)),
        ("partitions", f"{topic.partitions}, chosen by {escape(topic.partitioner)}"),
        ("replicas", f"{topic.replication_factor}, of which {topic.min_insync_replicas} in sync"),
        ("bytes a record", str(topic.width_bytes or "")),
        ("configuration", config),
    ]
    return prose(topic.purpose) + facts(pairs)


def _avro(contracts: Contracts, subject: WantedSubject) -> str:
    schema = contracts.avro[subject.file]
    return f"<h2>{page_avro.heading(schema)}</h2>\n{page_avro.body(schema)}"


def _protobuf(contracts: Contracts) -> dict[str, str]:
    """Return what stands on the page of each Protobuf file, of all at once."""
    if not contracts.proto:
        return {}
    # From the files themselves: in the text that is published, rules are comments.
    found = contracts.descriptors
    rules = message_rules(found, list(contracts.proto))
    return {
        file.name: page_proto.body(file, [each for each in rules if each.file == file.name])
        for file in found.file
        if file.name in contracts.proto
    }


def _history(subject: WantedSubject, known: Sequence[OldVersion], lock: Lock | None) -> Iterator[str]:
    """Yield the versions, newest first, each with what changed since the one before."""
    reasons = {f"v{v.version}": v.allowed for v in lock.subjects[subject.subject].versions} if known and lock else {}
    now = OldVersion("now", subject.text, subject.imports)
    yield "<h2>Versions</h2>\n"
    if not known:
        yield "<p>No version was released yet.</p>\n"
        return
    lines = version_words.between(subject.kind, subject.import_path, known[-1], now)
    if not lines[0].endswith("say the same"):
        yield f"<h3>not released yet</h3>\n{items(in_line(line) for line in lines)}"
    for i in range(len(known) - 1, -1, -1):
        yield f"<h3>{escape(known[i].name)}</h3>\n"
        if reasons.get(known[i].name):
            yield f"<p>It breaks, and was allowed: {escape(reasons[known[i].name])}</p>\n"
        if i == 0:
            yield "<p>The first.</p>\n"
        else:
            changed = version_words.between(subject.kind, subject.import_path, known[i - 1], known[i])
            yield items(in_line(line) for line in changed)
