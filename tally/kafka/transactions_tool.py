"""Kafka's own tool for transactions, as messages name it: kafka-transactions.sh, with the address of the cluster."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TopicAddress:
    """What the commands name: a topic, and the addresses of its cluster."""

    topic: str
    bootstrap_servers: str


def command(address: TopicAddress, *arguments: str) -> str:
    """Return a command of the tool for this cluster."""
    return " ".join(("kafka-transactions.sh", "--bootstrap-server", address.bootstrap_servers, *arguments))


def shows_producers(address: TopicAddress, partition: int) -> str:
    """Return the command that shows which producer has a transaction open in a partition."""
    return command(address, "describe-producers", "--topic", address.topic, "--partition", str(partition))


def ends_transaction(address: TopicAddress, partition: int) -> str:
    """Return the sentences that name an open transaction of a partition, and end it."""
    return (
        f"`{shows_producers(address, partition)}` shows its ProducerId, and `{command(address, 'list')}` its "
        f"TransactionalId. Stop that program, or end the transaction by "
        f"`{command(address, 'forceTerminateTransaction', '--transactionalId', 'ID')}`. "
        f"docs/runbooks/transaction-hangs.md has the steps, and what to do when the list does not have it"
    )
