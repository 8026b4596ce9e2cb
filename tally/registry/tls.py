"""TLS to a registry: an authority of one's own, and a client certificate (mTLS), from files."""

import ssl
from dataclasses import dataclass, field

from tally.registry.http import RegistryTlsError


@dataclass(frozen=True)
class TlsFiles:
    """PEM files; an empty name is not given. ``key`` may be empty when it stands in the certificate's file."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    key_password: str = field(default="", repr=False)

    def context(self) -> ssl.SSLContext | None:
        """Return the context to connect with, None when nothing is given. Raises RegistryTlsError naming the file."""
        if not (self.ca or self.certificate):
            if self.key:
                raise RegistryTlsError("TALLY_REGISTRY_KEY is given without TALLY_REGISTRY_CERT: give both")
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
        except (OSError, ssl.SSLError) as error:
            raise RegistryTlsError(f"TALLY_REGISTRY_CA {self.ca}: is no file of PEM certificates: {error}") from None
        if self.certificate:
            try:
                # A callable, since without one OpenSSL would ask on the terminal.
                context.load_cert_chain(self.certificate, self.key or None, lambda: self.key_password)
            except (OSError, ssl.SSLError, ValueError) as error:
                names = f"TALLY_REGISTRY_CERT {self.certificate}, TALLY_REGISTRY_KEY {self.key or '(in it)'}"
                raise RegistryTlsError(
                    f"{names}: are no PEM certificate and its key, or TALLY_REGISTRY_KEY_PASSWORD is wrong: {error}"
                ) from None
        return context
