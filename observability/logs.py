"""Logs by loguru on standard error: one line an event, for people or as JSON."""

import json
import sys
from typing import TYPE_CHECKING, Final

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

    from observability.instruments import Counter

_HUMAN = "{time:YYYY-MM-DD HH:mm:ss.SSS} {level: <7} {extra[service]} {message} {extra[fields]}"


COUNTED: Final = ("WARNING", "ERROR", "CRITICAL")
"""The levels whose lines are counted."""


def configure(service: str, level: str, form: str) -> None:
    """Send the log of this process to standard error; ``form`` is "human" or "json". Called once, at start."""
    logger.remove()
    logger.configure(extra={"service": service, "fields": ""}, patcher=_add_fields)
    if form == "json":
        logger.add(_write_json, level=level, backtrace=False, diagnose=False)
    else:
        # diagnose=False: a traceback must not show the values of variables, payloads among them.
        logger.add(sys.stderr, level=level, format=_HUMAN, backtrace=False, diagnose=False)


def count(counter: "Counter") -> None:
    """Count the lines of the levels that are counted, from now on."""
    logger.add(lambda message: counter.add(1, (message.record["level"].name,)), level=COUNTED[0], format="{message}")


def _add_fields(record: "Record") -> None:
    extra = record["extra"]
    shown = {name: value for name, value in extra.items() if name not in ("service", "fields")}
    extra["fields"] = " ".join(f"{name}={value}" for name, value in shown.items())


def _write_json(message: "Message") -> None:
    record = message.record
    extra = dict(record["extra"])
    extra.pop("fields", None)
    line = {
        "time": record["time"].isoformat(),
        "level": record["level"].name,
        "service": extra.pop("service", ""),
        "message": record["message"],
        **{name: str(value) for name, value in extra.items()},
    }
    if record["exception"] is not None:
        line["exception"] = (
            f"{record['exception'].type and record['exception'].type.__name__}: {record['exception'].value}"
        )
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
