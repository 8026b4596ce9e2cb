"""Settings: one frozen object a service, read from the environment (``TALLY_`` first) and ``.env``, and nowhere else.

Which ``.env`` that is, tally/base/env_file.py says.

A service declares a subclass of ``Settings`` whose fields have a type, a default and a description; the field
``grpc_port`` is the variable ``TALLY_GRPC_PORT``. A variable that is empty is not set. What says where a part is
follows from tally/base/addresses.py, unless it is set itself.
"""

from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tally.base.addresses import BASE_MAX, BASE_MIN, KAFKA, PORT_MAX, PORTS, REGISTRY, addresses
from tally.base.env_file import ENCODING, EnvFileError, checked, env_file
from tally.base.shown.values import MASK, NOT_CLEAR, is_clear_address, masked_address, printable

PREFIX = "TALLY_"
_SECRET_WORDS = ("password", "secret", "token", "credential")
_DEFAULTS: Final = {name: str(value) for name, value in addresses({}).items()}


class SettingsError(Exception):
    """A setting has a wrong value; the message is one line that names it, the value and what is allowed."""


def _clear(address: str) -> str:
    if not is_clear_address(address):
        raise ValueError(NOT_CLEAR)
    return address


Address = Annotated[str, AfterValidator(_clear)]
"""An address, of which it is certain what is user and password: the rest is shown."""


def variable_of(field: str) -> str:
    """Return the environment variable of a field."""
    return field if field.upper().startswith(PREFIX) else PREFIX + field.upper()


def port_field(field: str, description: str) -> Any:
    """Return the declaration of a port; a setting of its own, TALLY_PORT_BASE or its default decides."""
    return Field(PORTS[variable_of(field)], ge=1, le=PORT_MAX, description=description)


class _AddressSource(PydanticBaseSettingsSource):
    """The last source: what follows from the others for the addresses that none of them names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return nothing: the fields depend on each other and are decided together, below."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the addresses by field."""
        given = {variable_of(name): value for name, value in self.current_state.items()}
        decided = addresses(given)
        names = {name: variable_of(name) for name in self.settings_cls.model_fields}
        return {name: decided[of] for name, of in names.items() if of in decided and of not in given}


class Settings(BaseSettings):
    """What every service needs to know. Subclasses add their own section."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file_encoding=ENCODING, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    port_base: int | None = Field(
        None,
        ge=BASE_MIN,
        le=BASE_MAX,
        description="Moves all ports: Kafka, its controller, registry, its management, gRPC, REST, metrics, and "
        "those of the engines that observe.",
    )
    kafka_port: int = port_field("kafka_port", "Port of the native Kafka.")
    registry_port: int = port_field("registry_port", "Port of the native schema registry.")
    kafka_bootstrap_servers: str = Field(
        _DEFAULTS[KAFKA], min_length=1, description="Kafka brokers as host:port, separated by commas."
    )
    kafka_config: Path | None = Field(
        None, description="A client properties file for SASL, TLS and tuning, as Kafka's own tools take."
    )
    registry_url: Address = Field(
        _DEFAULTS[REGISTRY],
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from, the first wins: arguments, environment, ``.env``, what follows from these."""
        return init_settings, env_settings, dotenv_settings, _AddressSource(settings_cls)


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
