"""A certificate authority of a test's own and a broker's certificate, as files that Kafka and librdkafka read."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_certificate(broker_pem: Path, ca_pem: Path, *, valid_days: int) -> None:
    """Write key and certificate of a broker on loopback to one file, and the authority's certificate to the other.

    ``valid_days`` counts from now; a negative one has expired. The authority is kept when its file is there: its key
    lies beside it.
    """
    now = datetime.datetime.now(datetime.UTC)
    ca_key_file = ca_pem.with_suffix(".key")
    if ca_pem.exists():
        ca = x509.load_pem_x509_certificate(ca_pem.read_bytes())
        loaded = serialization.load_pem_private_key(ca_key_file.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        ca_key = loaded
    else:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _signed("Tally test authority", None, ca_key, ca_key, now + datetime.timedelta(days=1), is_ca=True)
        ca_key_file.write_bytes(_pem(ca_key))
        ca_pem.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed("127.0.0.1", ca.subject, key, ca_key, now + datetime.timedelta(days=valid_days), is_ca=False)
    broker_pem.write_bytes(_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))


def _signed(
    name: str,
    issuer: x509.Name | None,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    until: datetime.datetime,
    *,
    is_ca: bool,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - datetime.timedelta(days=10))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if not is_ca:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
