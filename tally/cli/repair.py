"""``tally repair``: a partition that the consumer refuses."""

import time
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from tally.base.hints import program
from tally.base.written_file import for_owner_only
from tally.cli.failures import CommandError, UnavailableError, WrongUsageError
from tally.cli.services.kafka import quiet_config
from tally.cli.services.rest import RestService
from tally.cli.settings import ClientSettings
from tally.cli.shared import settings, wait_option
from tally.generated.topics import SUMS
from tally.ledger.repair import CannotRepairError, Repaired, StoppedLedger, copy_from_directory, stopped_ledger
from tally.ledger.storage.scanning import segment_name

_REQUEST_S: Final = 10.0
_PAUSE_S: Final = 0.5


@click.command("repair")
@click.option("--partition", type=click.IntRange(0, SUMS.partitions - 1), help="The partition whose ledger it is.")
@click.option("--from", "source", type=click.Choice(["topic", "peer"]), help="Where its rows come from.")
@click.option("--peer", metavar="URL|DIRECTORY", help="With --from peer: a replica's REST address, data, or a backup.")
@click.option("--replica", metavar="NAME", help="Whose ledger.  [default: TALLY_CONSUMER_REPLICA, or 0]")
@click.option("--forget-commits", is_flag=True, help="Delete the group's committed offsets: then the ledgers decide.")
@wait_option("Seconds to wait for the last member to leave the group, with --forget-commits.", max_s=600)
def command(
    *,
    partition: int | None,
    source: str | None,
    peer: str | None,
    replica: str | None,
    forget_commits: bool,
    wait_s: float,
) -> None:
    """Mend a partition that is REFUSED, while the consumer is stopped; start it again afterwards.

    \b
    Examples:
      tally repair --partition 3 --from topic
      tally repair --partition 3 --from peer --peer http://other:8000
      tally repair --partition 3 --from peer --peer /backup/tally.sums.v1-3
      tally repair --forget-commits

    The old ledger is put aside as TOPIC-PARTITION.quarantined-N, never deleted. With --from topic the consumer's next
    start reads the whole partition again; with --from peer another replica's files are copied, checked, and only what
    they lack is read from the topic. Either way the start compares the chain with the one that was committed.

    --forget-commits is for commits that no longer belong to anything: those of a topic that was deleted and created
    again, or beyond the end of a log that lost its tail. It concerns all partitions, and every consumer must be
    stopped.
    """
    if (partition is None) != (source is None) or (source is None and not forget_commits):
        raise WrongUsageError("give --partition together with --from, or --forget-commits, or all three")
    if (source == "peer") != (peer is not None):
        raise WrongUsageError("--from peer needs --peer, an address or a directory, and --from topic takes none")
    environment = settings()
    if partition is not None:
        _tell(_mend(environment, partition, peer, replica or environment.consumer_replica), partition)
    if forget_commits:
        _forget(environment, wait_s)
        click.echo(f"the commits of group {environment.consumer_group} are deleted: now the ledgers decide")
    click.echo(f"Now start the consumer. `{program('tally')} verify` and /v1/partitions show how it is doing.")


def _mend(environment: ClientSettings, partition: int, peer: str | None, replica: str) -> Repaired:
    replica_dir = environment.data_dir / "consumer" / replica
    if not replica_dir.is_dir():
        raise WrongUsageError(f"{replica_dir} does not exist: see --replica and TALLY_DATA_DIR")
    try:
        with stopped_ledger(replica_dir, SUMS.name, partition) as place:
            if peer is None:
                return place.put_aside()
            if urlsplit(peer).scheme in ("http", "https"):
                _download(place, peer.rstrip("/"), partition)
            else:
                copy_from_directory(place, Path(peer), partition)
            return place.install()
    except CannotRepairError as error:
        raise CommandError(f"nothing was changed: {error}") from None
    except OSError as error:
        raise CommandError.of_file(error, replica_dir) from None


def _download(place: StoppedLedger, address: str, partition: int) -> None:
    with RestService(address) as service:
        for file in service.call("GET", f"/v1/partitions/{partition}").json()["files"]:
            if file["sealed"]:
                first = int(file["first_offset"])
                path = f"/v1/partitions/{partition}/segments/{first}"
                place.take(segment_name(first), partial(_fetch, service, path))


def _fetch(service: RestService, path: str, target: Path) -> None:
    with open(target, "wb", opener=for_owner_only) as output:
        service.download(path, output.write)


def _tell(done: Repaired, partition: int) -> None:
    if done.put_aside is not None:
        click.echo(f"the old ledger is kept in {done.put_aside}")
    if done.copied is None:
        click.echo(f"partition {partition} will be read from the topic")
    else:
        copied = done.copied
        click.echo(
            f"copied {copied.segments} files, {copied.counts.counted:,} counted, up to offset {copied.next_offset:,}, "
            f"chain {copied.chain.hex()}; the rest will be read from the topic"
        )


def _forget(environment: ClientSettings, wait_s: float) -> None:
    """Delete the group's commits, once its last member is gone."""
    admin = AdminClient(quiet_config(environment))
    until_s = time.monotonic() + wait_s
    while True:
        try:
            admin.delete_consumer_groups([environment.consumer_group], request_timeout=_REQUEST_S)[
                environment.consumer_group
            ].result(_REQUEST_S + 1)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.GROUP_ID_NOT_FOUND:
                return
            if code != KafkaError.NON_EMPTY_GROUP:
                raise UnavailableError(
                    f"Kafka at {environment.kafka_bootstrap_servers}: {error.args[0].str()}"
                ) from None
            if time.monotonic() > until_s:
                raise CommandError(
                    f"group {environment.consumer_group} has members: stop every consumer. One that was stopped counts "
                    f"until its session ends (TALLY_CONSUMER_SESSION_TIMEOUT_MS)"
                ) from None
        else:
            return
        time.sleep(_PAUSE_S)
