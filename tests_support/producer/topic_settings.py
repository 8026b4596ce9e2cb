"""Changing the sums topic for a while, so that the broker refuses what is produced."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tally.generated.topics import SUMS

_USUAL_BYTES = 1_048_576


@contextmanager
def max_message_bytes(bootstrap_servers: str, size: int) -> Iterator[None]:
    """Take batches of at most ``size`` bytes for a while.

    A batch of one record has some 160 bytes. The markers that end transactions have 78 and must pass: a broker that
    cannot write one leaves its transaction hanging for good.
    """
    _set(bootstrap_servers, size)
    try:
        yield
    finally:
        _set(bootstrap_servers, _USUAL_BYTES)


def _set(bootstrap_servers: str, size: int) -> None:
    resource = ConfigResource(ResourceType.TOPIC, SUMS.name)
    resource.add_incremental_config(
        ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    )
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(10)
