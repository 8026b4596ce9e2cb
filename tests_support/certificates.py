"""An authority and its certificates, for tests of TLS on loopback."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_NAME = "Tally test authority"
_LIFE = datetime.timedelta(days=10)


class Authority:
    """Whoever trusts ``certificate`` trusts what it issues."""

    def __init__(self) -> None:
        """Make a new one."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed(_NAME, self._key, valid_days=1, is_authority=True)

    def issue(self, *, valid_days: int = 1, password: str | None = None) -> tuple[bytes, bytes]:
        """Return (key, certificate) of somebody at 127.0.0.1 as PEM, the key under the password if there is one.

        ``valid_days`` counts from now; a negative one has expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        encryption = (
            serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        )
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        return pem, self._signed("127.0.0.1", key, valid_days=valid_days, is_authority=False)

    def _signed(self, name: str, key: ec.EllipticCurvePrivateKey, *, valid_days: int, is_authority: bool) -> bytes:
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=valid_days)
        builder = x509.CertificateBuilder(
            issuer_name=_named(_NAME),
            subject_name=_named(name),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=until - _LIFE,
            not_valid_after=until,
        ).add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        if not is_authority:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
