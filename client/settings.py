"""What the client needs to know, from the environment (``TALLY_`` first) and ``.env``."""

from pydantic import Field

from common.settings import Settings


class ClientSettings(Settings):
    """Where the services are. Options of the command win over these."""

    grpc_host: str = Field("127.0.0.1", min_length=1, description="Host of the gRPC service.")
    grpc_port: int = Field(50051, ge=1, le=65535, description="Port of the gRPC service.")
    rest_host: str = Field("127.0.0.1", min_length=1, description="Host of the REST service.")
    rest_port: int = Field(8000, ge=1, le=65535, description="Port of the REST service.")

    @property
    def grpc_target(self) -> str:
        return f"{self.grpc_host}:{self.grpc_port}"

    @property
    def rest_url(self) -> str:
        return f"http://{self.rest_host}:{self.rest_port}"
