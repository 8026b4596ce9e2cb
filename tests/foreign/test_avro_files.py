"""Avro schemas of other projects are accepted and become code; what is refused is counted by reason."""

import pytest

from tests_support.contracts import foreign, foreign_avro


@pytest.mark.parametrize(
    ("package", "files", "refused"),
    [
        ("avro", 3, {}),
        ("datahub", 280, {"avro-union": 1, "contract": 2}),
        ("lsst", 93, {"avro-type": 15}),  # files that use the types of other files
    ],
)
def test_the_schemas_of_a_project_become_code(package: str, files: int, refused: dict[str, int]) -> None:
    """Every schema file of a foreign project becomes code, but for the counted ones."""
    total, found = foreign_avro.refusals(foreign_avro.files_of(foreign.packages() / package))
    assert (total, foreign_avro.counted(found)) == (files, refused), found
