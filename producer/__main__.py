"""``python -m producer``: the producer service. ``--help`` lists every setting."""

import gc
import sys
from collections.abc import Sequence

gc.disable()  # while modules are imported nothing is garbage, and the search for it takes a seventh of the time

from loguru import logger  # noqa: E402

from observability.journal import standard_error  # noqa: E402
from producer.settings import ProducerSettings  # noqa: E402
from tally.base.settings import effective  # noqa: E402
from tally.kafka.config import refusal as kafka_refusal  # noqa: E402
from tally.service import process as service  # noqa: E402

_ABOUT = """Usage: python -m producer

Adds two numbers over gRPC and commits each sum in a Kafka transaction before it answers.
SIGTERM or SIGINT: takes no more calls, answers those in flight, and exits with 0.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the producer; return the exit code: 0 after a signal, 1 when it cannot serve, 2 for wrong usage."""
    return service.run("producer", _ABOUT, ProducerSettings, _serve, arguments, journal=standard_error.only_of_journal)


def _serve(settings: ProducerSettings) -> int:
    # Imported here: see `service.run`.
    import uvloop  # noqa: PLC0415
    from confluent_kafka import KafkaException  # noqa: PLC0415

    from observability.metrics_server import MetricsPortError  # noqa: PLC0415
    from producer.shell.grpc_server import PortTakenError  # noqa: PLC0415
    from producer.wiring import service_of  # noqa: PLC0415

    async def run() -> int:
        return await service_of(settings).run()

    # A lane's thread needs the interpreter about ten times a transaction, after each wait for the broker. At the
    # default of 5 ms a busy event loop makes it wait that long each time: 16 ms a transaction instead of 5 (seen).
    sys.setswitchinterval(0.0005)
    logger.bind(**effective(settings)).info("starting")
    try:
        return uvloop.new_event_loop().run_until_complete(run())
    except (PortTakenError, MetricsPortError) as error:
        raise service.StartError(str(error)) from error
    except KafkaException as error:  # from a client that cannot be made: a property in the file is wrong
        raise service.StartError(kafka_refusal(settings.kafka_config, error), exit_code=2) from error


if __name__ == "__main__":
    service.begin()
    service.leave(main(sys.argv[1:]))
