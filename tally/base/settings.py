"""Settings: one frozen object a service, read from the environment (``TALLY_`` first) and ``.env``, and nowhere else.

Which ``.env`` that is, tally/base/env_file.py says.

A service declares a subclass of ``Settings`` whose fields have a type, a default and a description; the field
``grpc_port`` is the variable ``TALLY_GRPC_PORT``.
"""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tally.base.env_file import EnvFileError, checked, env_file
from tally.base.shown import MASK, NOT_CLEAR, is_clear_address, masked_address, printable

PREFIX = "TALLY_"
_SECRET_WORDS = ("password", "secret", "token", "credential")


class SettingsError(Exception):
    """A setting has a wrong value; the message is one line that names it, the value and what is allowed."""


def _clear(address: str) -> str:
    if not is_clear_address(address):
        raise ValueError(NOT_CLEAR)
    return address


Address = Annotated[str, AfterValidator(_clear)]
"""An address, of which it is certain what is user and password: the rest is shown."""


class Settings(BaseSettings):
    """What every service needs to know. Subclasses add their own section."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file_encoding="utf-8", frozen=True, extra="ignore")

    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", min_length=1, description="Kafka brokers as host:port, separated by commas."
    )
    kafka_config: Path | None = Field(
        None, description="A client properties file for SASL, TLS and tuning, as Kafka's own tools take."
    )
    registry_url: Address = Field(
        "http://127.0.0.1:8081/apis/ccompat/v7",
        pattern=r"^https?://[^\s]+$",
        description="The schema registry's Confluent-compatible address.",
    )
    registry_user: str = Field("", description="The registry's user, where it asks for one.")
    registry_password: str = Field("", description="That user's password.")
    registry_token: str = Field("", description="A bearer token for the registry, instead of user and password.")
    registry_ca: str = Field("", description="A PEM file of the authorities to trust, where the registry has its own.")
    registry_cert: str = Field("", description="A PEM file with our certificate, where the registry asks for one.")
    registry_key: str = Field("", description="A PEM file with that certificate's key.")
    registry_key_password: str = Field("", description="The password of that key, if it has one.")
    data_dir: Path = Field(Path("data"), description="Where data is kept; nothing is written elsewhere.")
    trace_ratio: float = Field(
        0.05, ge=0, le=1, description="Share of calls without a traceparent that are traced, where traces are sent."
    )
    log_level: str = Field(
        "INFO",
        pattern="^(TRACE|DEBUG|INFO|WARNING|ERROR)$",
        description="TRACE, DEBUG, INFO, WARNING or ERROR.",
    )
    log_format: str = Field("human", pattern="^(human|json)$", description="human or json, one line an event.")
    fault_points: str = Field("", description="For tests only: where the process kills, stops or delays itself.")


S = TypeVar("S", bound=Settings)


def load(settings: type[S], **overrides: Any) -> S:
    """Return the settings of the environment and of ``.env``. Raises SettingsError for the first wrong one.

    ``_env_file`` names another file, None for none.
    """
    try:
        file = overrides.pop("_env_file") if "_env_file" in overrides else env_file()
        overrides["_env_file"] = None if file is None or not file.exists() else checked(file)
        return settings(**overrides)
    except EnvFileError as error:
        raise SettingsError(str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        location = first["loc"]
        name = variable_of(str(location[0])) if location else "the settings"
        given = "" if is_secret(name) else f" is {masked_address(str(first['input']))!r}"
        raise SettingsError(f"{name}{given}: {first['msg'].removeprefix('Value error, ')}") from None


def variable_of(field: str) -> str:
    """Return the environment variable of a field."""
    return field if field.upper().startswith(PREFIX) else PREFIX + field.upper()


def is_secret(name: str) -> bool:
    """Tell whether a value must not be shown."""
    return any(word in name.lower() for word in _SECRET_WORDS)


def effective(settings: Settings) -> dict[str, str]:
    """Return what is in force by variable, secrets masked, for the log line at start."""
    return {
        variable_of(name): MASK if is_secret(name) else printable(masked_address(str(value)))
        for name, value in settings.model_dump().items()
    }


def help_text(settings: type[Settings]) -> str:
    """Return a table of every setting: variable, default, meaning."""
    rows = [
        (variable_of(name), "" if field.default is None else str(field.default), field.description or "")
        for name, field in settings.model_fields.items()
    ]
    width = max(len(row[0]) for row in rows)
    return "\n".join(f"  {name:<{width}}  {meaning} [{default or 'none'}]" for name, default, meaning in rows)
