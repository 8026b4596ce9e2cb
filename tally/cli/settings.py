"""What the client needs to know, from the environment (``TALLY_`` first) and ``.env``."""

from pydantic import Field

from tally.base.settings import Address, Settings, port_field


class ClientSettings(Settings):
    """Where the services are. Options of the command win over these."""

    grpc_host: str = Field("127.0.0.1", min_length=1, description="Host of the gRPC service.")
    grpc_port: int = port_field("grpc_port", "Port of the gRPC service.")
    grpc_target: str | None = Field(
        None, min_length=1, description="host:port of the gRPC service; wins over its host and port."
    )
    rest_host: str = Field("127.0.0.1", min_length=1, description="Host of the REST service.")
    rest_port: int = port_field("rest_port", "Port of the REST service.")
    rest_url: Address | None = Field(
        None, pattern=r"^https?://[^\s]+$", description="Address of the REST service; wins over its host and port."
    )
    traces_engine_port: int = port_field("traces_engine_port", "Port of the trace store of `just observe`.")
    logs_engine_port: int = port_field("logs_engine_port", "Port of the log store of `just observe`.")
    consumer_replica: str = Field(
        "0", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="The replica whose ledgers are repaired."
    )
    consumer_group: str = Field("tally-ledger", min_length=1, max_length=200, description="The consumers' group.")

    @property
    def grpc_address(self) -> str:
        """Return where the gRPC service is, host:port."""
        return self.grpc_target or f"{self.grpc_host}:{self.grpc_port}"

    @property
    def rest_address(self) -> str:
        """Return where the REST service is, without a slash at the end."""
        return (self.rest_url or f"http://{self.rest_host}:{self.rest_port}").rstrip("/")

    @property
    def traces_address(self) -> str:
        """Return where the trace store is, on this machine."""
        return f"http://127.0.0.1:{self.traces_engine_port}"

    @property
    def logs_address(self) -> str:
        """Return where the log store is, on this machine."""
        return f"http://127.0.0.1:{self.logs_engine_port}"
