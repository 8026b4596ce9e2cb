"""What opens a registry: a password or a token, an authority of its own, a client certificate (mTLS)."""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from urllib.parse import unquote, urlsplit, urlunsplit

from tally.registry.errors import RegistryTlsError


@dataclass(frozen=True)
class Access:
    """The settings TALLY_REGISTRY_USER and so on; "" is not given. A token goes before a user.

    ``ca``, ``cert`` and ``key`` name PEM files; ``key`` may be left out when it stands in the certificate's file.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca: str = ""
    cert: str = ""
    key: str = ""
    key_password: str = field(default="", repr=False)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Access":
        """Return what the variables say."""
        return cls(*(environment.get(f"TALLY_REGISTRY_{one.name.upper()}", "") for one in fields(cls)))

    def authorization(self) -> str | None:
        """Return the header Authorization, or None without credentials."""
        if self.token:
            return f"Bearer {self.token}"
        pair = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}" if self.user else None

    def tls(self) -> ssl.SSLContext | None:
        """Return how to connect, None for the usual way. Raises RegistryTlsError, which names the file."""
        if not (self.ca or self.cert):
            if self.key:
                raise RegistryTlsError("TALLY_REGISTRY_KEY is given without TALLY_REGISTRY_CERT: give both")
            return None
        problem = f"TALLY_REGISTRY_CA {self.ca}: is not a file of PEM certificates"
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            problem = (
                f"TALLY_REGISTRY_CERT {self.cert}, TALLY_REGISTRY_KEY {self.key or '(in it)'}: are not a PEM "
                "certificate and its key, or TALLY_REGISTRY_KEY_PASSWORD is wrong"
            )
            if self.cert:  # a callable, since without one OpenSSL would ask on the terminal
                context.load_cert_chain(self.cert, self.key or None, lambda: self.key_password)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            raise RegistryTlsError(f"{problem}: {error}") from None
        return context


def split_userinfo(url: str) -> tuple[str, Access]:
    """Return (the address without user and password, those that stood in it)."""
    parts = urlsplit(url)
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return address, Access(unquote(parts.username or ""), unquote(parts.password or ""))
