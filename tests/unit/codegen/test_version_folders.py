"""Which files are versions of one contract, by their layout."""

import pytest

from codegen.version_folders import by_layout


@pytest.mark.parametrize(
    ("paths", "numbers"),
    [
        (("a/v1/x", "a/v2/x", "a/v10/x"), [1, 2, 10]),
        (("1/x", "3/x"), [1, 3]),
        (("v1/deep/er/x", "v2/deep/er/x"), [1, 2]),
        (("v1/x",), []),
        (("v1/x", "2/x"), []),  # one with a v, one without
        (("v1/x", "v2/y"), []),  # other names below
        (("v0/x", "v1/x"), []),
        (("v01/x", "v1/x"), []),
        (("a1/x", "a2/x"), []),
        (("1/0/x", "1/1/x", "2/0/x"), []),  # which number counts is not said
        (("v1/x", "other/x"), []),
        (("v1", "v2"), []),  # files, and no folders
    ],
)
def test_files_that_differ_in_the_number_of_a_folder_are_versions(paths: tuple[str, ...], numbers: list[int]) -> None:
    """Siblings called by numbers, with one name below, are in the order of the numbers; anything else stands alone."""
    found = by_layout({f"avro/{path}.avsc": "shop.X" for path in paths})
    assert len(found) == len(numbers)
    assert all([number for number, _ in versions] == numbers for versions in found.values())


def test_only_one_named_type_is_a_contract_with_versions() -> None:
    """Records of other names, as of a namespace for each version, and types without a name are no versions."""
    assert by_layout({"avro/v1/x.avsc": "shop.v1.X", "avro/v2/x.avsc": "shop.v2.X"}) == {}
    assert by_layout({"avro/v1/x.avsc": "", "avro/v2/x.avsc": ""}) == {}
