"""Avro schemas of other projects are accepted and become code; what is refused is counted by reason."""

import pytest

from tests_support.contracts import foreign, foreign_avro


@pytest.mark.parametrize(("package", "files"), [("avro", 3), ("datahub", 280), ("lsst", 93)])
def test_every_schema_file_of_a_project_becomes_code(package: str, files: int) -> None:
    """Every schema file of a foreign project becomes code, whatever its name and folder, and whatever it refers to."""
    found = foreign_avro.of_folder(foreign.packages() / package)
    assert (len(found), foreign_avro.refused(found)) == (files, {})
