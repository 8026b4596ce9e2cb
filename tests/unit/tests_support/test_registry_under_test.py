"""The tests of a registry leave nothing in it, or say what they leave."""

import warnings
from functools import partial

import httpx
import pytest

from tests_support.registries.under_test import RegistryUnderTest


class Registry:
    """Has subjects; one that another refers to cannot be deleted before it, and ``kept`` never."""

    def __init__(self) -> None:
        self.subjects = ["of-somebody"]
        self.refers: dict[str, str] = {}
        self.kept = ""

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a list of subjects, or a deletion."""
        if request.method == "GET":
            return httpx.Response(200, json=self.subjects)
        kind, name = request.url.path.strip("/").split("/")
        if kind != "subjects" or name == self.kept or name in self.refers.values():
            return httpx.Response(422, json={"error_code": 42206, "message": "it is referred to"})
        self.subjects = [each for each in self.subjects if each != name]
        self.refers.pop(name, None)
        return httpx.Response(200, json=[1])


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Registry:
    one = Registry()
    client = partial(httpx.Client, transport=httpx.MockTransport(one.answer))
    monkeypatch.setattr("tests_support.registries.under_test.httpx.Client", client)
    return one


def test_what_the_tests_registered_goes_and_what_is_somebodys_stays(fake: Registry) -> None:
    """Subjects that tests registered are deleted, referring ones first, and others' stay."""
    registry = RegistryUnderTest("http://registry", "")
    word = registry.word()
    fake.subjects += [f"{word}-base", f"{word}-top"]
    fake.refers[f"{word}-top"] = f"{word}-base"
    with warnings.catch_warnings(action="error"):
        registry.remove()
    assert fake.subjects == ["of-somebody"]


def test_what_cannot_be_deleted_is_named_without_the_password(fake: Registry) -> None:
    """A subject that cannot be deleted is named in a warning that hides the registry's password."""
    registry = RegistryUnderTest("http://me:secret@registry", "")
    fake.kept = f"{registry.word()}-value"
    fake.subjects.append(fake.kept)
    with pytest.warns(UserWarning, match=f"registry/ did not delete what the tests registered: {fake.kept}") as told:
        registry.remove()
    assert "secret" not in str(told[0].message)
