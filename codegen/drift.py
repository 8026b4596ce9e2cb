"""Drift: where generated code, lock, history, pages, a registry and Kafka differ from the contracts."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from codegen import tree
from codegen.pages import site as pages
from codegen.plan import history
from codegen.plan import lock as locks
from codegen.plan.terms import Kind
from codegen.plan.wanted import wanted as wanted_of
from codegen.tree import Contracts

if TYPE_CHECKING:  # its clients take a moment, and offline nobody needs them
    from codegen.remote.surveyor import Survey


def local_drift(contracts: Contracts, folder: Path, files: Mapping[str, str], *, with_lock: bool) -> list[str]:
    """Return a line for each thing on disk that differs from the contracts. Raises DriftError for edits."""
    root = contracts.root
    different = tree.differences(files, tree.files_of(folder))
    lines = [f"{folder} does not match the contracts; run: codegen generate", *different] if different else []
    if not with_lock:
        return lines
    old = locks.load(root)
    if old is None:
        return [*lines, f"{root / locks.FILE} is missing; run: codegen generate"]
    history.all_of(root, old)
    lines += history.unlisted(root, old)
    lines += locks.differences(old, locks.current(old, wanted_of(contracts), files))
    shown = tree.files_of(root / pages.FOLDER)
    stale = tree.differences(pages.pages(contracts, old), shown) if shown else []
    return lines + ([f"{root / pages.FOLDER} does not match the contracts; run: codegen docs", *stale] if stale else [])


def registry_drift(survey: "Survey", name: str, lock: locks.Lock | None) -> Iterator[str]:
    """Yield a line for each thing in a registry or in Kafka that differs from the contracts or the lock."""
    for change in survey.changes:
        if change.kind is Kind.CREATE:
            yield f"{change.name} is missing there (never published, or deleted): {change.sentence}"
        elif change.kind is not Kind.NOOP:
            yield f"{change.name}: {change.sentence}"
    for subject, place in lock.registries.get(name, {}).items() if lock is not None else ():
        found = survey.found.subjects.get(subject)
        if found is None or found.matching_version is None:
            continue  # told above
        if (found.matching_version, found.schema_id) != (place.version, place.id):
            yield (
                f"subject {subject}: is version {found.matching_version} with id {found.schema_id} there, {locks.FILE} "
                f"says version {place.version} with id {place.id}; it was deleted and registered again, or {name} is "
                "not the registry that was published to"
            )
