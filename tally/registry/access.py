"""What opens a registry: a password or a token, an authority of its own, a client certificate (mTLS)."""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import unquote, urlsplit

from tally.registry.errors import RegistryTlsError


@dataclass(frozen=True, repr=False)
class Access:
    """The settings TALLY_REGISTRY_USER and so on; "" is not given. A token goes before a user.

    ``ca``, ``cert`` and ``key`` name PEM files; ``key`` may be left out when it stands in the certificate's file.
    """

    user: str = ""
    password: str = ""
    token: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    key_password: str = ""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Access":
        """Return what the variables say."""
        return cls(*(environment.get(f"TALLY_REGISTRY_{one.name.upper()}", "") for one in fields(cls)))

    @property
    def headers(self) -> dict[str, str]:
        """The header Authorization, if there are credentials."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")
        return {"Authorization": f"Basic {pair}"} if self.user else {}

    def tls(self) -> ssl.SSLContext | None:
        """Return how to connect, None for the usual way. Raises RegistryTlsError, which names the file."""
        if not (self.ca or self.cert or self.key):
            return None
        problem = f"TALLY_REGISTRY_CA {self.ca}: is not a file of PEM certificates"
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            problem = (
                f"TALLY_REGISTRY_CERT {self.cert or '(not set)'}, TALLY_REGISTRY_KEY {self.key or '(in it)'}: are not "
                "a PEM certificate and its key, or TALLY_REGISTRY_KEY_PASSWORD is wrong"
            )
            if self.cert or self.key:  # a callable, since without one OpenSSL would ask on the terminal
                context.load_cert_chain(self.cert, self.key or None, lambda: self.key_password)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            raise RegistryTlsError(f"{problem}: {error}") from None
        return context


def split_userinfo(url: str) -> tuple[str, Access]:
    """Return (the address without user and password, those that stood in it)."""
    parts = urlsplit(url)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return address, Access(unquote(parts.username or ""), unquote(parts.password or ""))
