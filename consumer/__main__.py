"""``python -m consumer``: the consumer service. ``--help`` lists every setting."""

import gc
import sys
from collections.abc import Sequence

gc.disable()  # while modules are imported nothing is garbage, and looking for it takes a seventh of the time

from loguru import logger  # noqa: E402

from consumer.settings import ConsumerSettings  # noqa: E402
from observability.journal import standard_error  # noqa: E402
from tally.base.settings import effective  # noqa: E402
from tally.kafka.config import refusal as kafka_refusal  # noqa: E402
from tally.service import process as service  # noqa: E402
from tally.service.private import tighten  # noqa: E402

_ABOUT = """Usage: python -m consumer

Counts every committed sum exactly once into an fsynced ledger and serves the total over REST.
SIGTERM or SIGINT: the block in hand is finished and committed, calls are answered, exit 0.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the consumer; return the exit code.

    0 after a signal, 1 when it cannot serve, 2 for wrong usage; 74 leaves from within when the disk failed.
    """
    return service.run("consumer", _ABOUT, ConsumerSettings, _serve, arguments, journal=standard_error.only_of_journal)


def _serve(settings: ConsumerSettings) -> int:
    # Imported here: see `service.run`.
    import uvloop  # noqa: PLC0415
    from confluent_kafka import KafkaException  # noqa: PLC0415

    from consumer.rest.connections.limits import DescriptorsError  # noqa: PLC0415
    from consumer.rest.listener import PortTakenError, listen  # noqa: PLC0415
    from consumer.wiring import build  # noqa: PLC0415
    from tally.ledger.storage.errors import ReplicaDirectoryLocked  # noqa: PLC0415
    from tally.ledger.storage.lock import lock_replica_directory  # noqa: PLC0415
    from tally.service.descriptors import raise_limit  # noqa: PLC0415

    logger.bind(**effective(settings)).info("starting")
    try:
        tighten(settings.replica_dir)  # an earlier version let others read
        with lock_replica_directory(settings.replica_dir), listen(settings.rest_host, settings.rest_port) as listener:
            return uvloop.new_event_loop().run_until_complete(build(settings, raise_limit()).run(listener))
    except (ReplicaDirectoryLocked, PortTakenError, DescriptorsError) as error:
        raise service.StartError(str(error)) from error
    except OSError as error:
        raise service.StartError(f"TALLY_DATA_DIR is {str(settings.data_dir)!r}: {error}") from error
    except KafkaException as error:  # of a client that cannot be made: a property of the file is wrong
        raise service.StartError(kafka_refusal(settings.kafka_config, error), exit_code=2) from error


if __name__ == "__main__":
    service.begin()
    service.leave(main(sys.argv[1:]))
