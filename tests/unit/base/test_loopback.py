"""What counts as an address of this machine."""

import pytest

from tally.base.loopback import is_loopback


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1:50051", True),
        ("localhost", True),
        ("[::1]:50051", True),
        ("dns:///localhost:50051", True),
        ("http://127.0.0.1:8081/apis/ccompat/v7", True),
        ("tally.example:50051", False),
        ("dns:///tally.example:50051", False),
        ("https://registry.example/127.0.0.1", False),
        ("https://registry.example//localhost", False),
        ("127.0.0.1.example:80", False),
    ],
)
def test_only_an_address_that_leads_to_this_machine_is_loopback(address, own):
    """An address is loopback only if it leads to this machine, and not because it starts or ends like one that does."""
    assert is_loopback(address) is own
