# SPDX-License-Identifier: Apache-2.0
"""Certificates of the tests' own authorities, by the cryptography package."""

import datetime
import os
import ssl

import pytest

pytest.importorskip("cryptography", reason="it makes the certificates")
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
DAY = datetime.timedelta(days=1)


def name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Pair:
    """A certificate and its key, in files."""

    def __init__(self, folder, title, certificate, key):
        self.cert, self.key = os.path.join(folder, title + ".pem"), os.path.join(folder, title + ".key")
        with open(self.cert, "wb") as f:
            f.write(certificate.public_bytes(serialization.Encoding.PEM))
        with open(self.key, "wb") as f:
            f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()))


class Authority(Pair):
    def __init__(self, folder, title):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.private = str(folder), ec.generate_private_key(ec.SECP256R1())
        self.subject, self.n = name(title), 0
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = x509.CertificateBuilder().subject_name(self.subject).issuer_name(self.subject) \
            .public_key(self.private.public_key()).serial_number(x509.random_serial_number()) \
            .not_valid_before(now - DAY).not_valid_after(now + 2 * DAY) \
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True) \
            .sign(self.private, hashes.SHA256())
        super().__init__(self.folder, title, certificate, self.private)

    def issue(self, common, dns=(), usage=CLIENT, days=1):
        """days < 0: it ended so long ago. usage None: for anything."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder().subject_name(name(common)).issuer_name(self.subject) \
            .public_key(key.public_key()).serial_number(x509.random_serial_number()) \
            .not_valid_before(now - 3 * DAY).not_valid_after(now + days * DAY)
        if dns:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in dns]), False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        self.n += 1
        return Pair(self.folder, "issued-%d" % self.n, builder.sign(self.private, hashes.SHA256()), key)


def context(trusted, pair=None):
    """A client's: trusts what is in this file, and shows this pair."""
    made = ssl.create_default_context(cafile=trusted)
    if pair:
        made.load_cert_chain(pair.cert, pair.key)
    return made
