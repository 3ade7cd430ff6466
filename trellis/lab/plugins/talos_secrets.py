"""The secrets of a Talos cluster and the ways in, well formed and random: authorities, tokens, certificates.

Kinds and forms are Talos's own (package ``machinery/config/generate/secrets``): PEM in base64, Talos's authority and
its clients with Ed25519, Kubernetes's with ECDSA on P-256, the key of service accounts with RSA.
"""

from __future__ import annotations

import base64
import secrets
import string
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml

from trellis.lab.plugins.wire import Properties

if TYPE_CHECKING:  # cryptography costs 0.1 s at start, and a preview needs none of it
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

_AUTHORITY, _CLIENT = timedelta(days=3650), timedelta(days=365)
_LETTERS = string.ascii_lowercase + string.digits


class Authority:
    """A certificate that signs others, and its key.

    Args:
        organization: Whose it is; None where Talos names nobody.
        modern: Whether its keys are Ed25519, else ECDSA.
    """

    def __init__(self, organization: str | None, *, modern: bool = False) -> None:
        self._modern = modern
        self.key = self._new_key()
        self.subject = _name(organization, organization)
        self.certificate = self._sign(self.subject, self.key, _AUTHORITY, authority=True)

    def pair(self) -> Properties:
        """Its certificate and its key as Talos keeps them."""
        return {"cert": _pem_of(self.certificate), "key": _pem_of_key(self.key)}

    def client(self, organization: str, name: str | None = None) -> tuple[str, str]:
        """Return a certificate for a client, and its key.

        Args:
            organization: What the client may do: Talos's role, or Kubernetes's group.
            name: Who it is.
        """
        key = self._new_key()
        return _pem_of(self._sign(_name(organization, name), key, _CLIENT, authority=False)), _pem_of_key(key)

    def _new_key(self) -> CertificateIssuerPrivateKeyTypes:
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415  (see above)

        return ed25519.Ed25519PrivateKey.generate() if self._modern else ec.generate_private_key(ec.SECP256R1())

    def _sign(
        self, subject: x509.Name, key: CertificateIssuerPrivateKeyTypes, lasts: timedelta, *, authority: bool
    ) -> x509.Certificate:
        from cryptography import x509  # noqa: PLC0415  (see above)
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + lasts)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        return builder.sign(self.key, None if self._modern else hashes.SHA256())


def machine_secrets() -> tuple[Properties, Properties]:
    """Return what ``machine.Secrets`` gives: the secrets of a cluster's machines, and a client's way to their API."""
    etcd, kubernetes, aggregator = Authority("etcd"), Authority("kubernetes"), Authority(None)
    talos = Authority("talos", modern=True)
    machine = {
        "certs": {
            "etcd": etcd.pair(),
            "k8s": kubernetes.pair(),
            "k8sAggregator": aggregator.pair(),
            "k8sServiceaccount": {"key": _service_account_key()},
            "os": talos.pair(),
        },
        "cluster": {
            "id": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "secret": base64.b64encode(secrets.token_bytes(32)).decode(),
        },
        "secrets": {
            "bootstrapToken": _token(),
            "secretboxEncryptionSecret": base64.b64encode(secrets.token_bytes(32)).decode(),
        },
        "trustdinfo": {"token": _token()},
    }
    certificate, key = talos.client("os:admin")
    client = {"caCertificate": talos.pair()["cert"], "clientCertificate": certificate, "clientKey": key}
    return machine, client


def talosconfig(cluster: str, client: Properties, endpoints: list[str], nodes: list[str]) -> str:
    """Return talosctl's configuration.

    Args:
        cluster: Name of the cluster.
        client: The client's way in, as ``machine_secrets`` gives it.
        endpoints: Where Talos's API is asked; left out where there are none.
        nodes: Whom it is asked about; left out where there are none.
    """
    context: dict[str, Any] = {
        **({"endpoints": endpoints} if endpoints else {}),
        **({"nodes": nodes} if nodes else {}),
        "ca": client["caCertificate"],
        "crt": client["clientCertificate"],
        "key": client["clientKey"],
    }
    return yaml.safe_dump({"context": cluster, "contexts": {cluster: context}}, sort_keys=False)


def kubeconfig(host: str) -> tuple[str, Properties]:
    """Return a kubeconfig, and what of it ``cluster.Kubeconfig`` gives apart.

    Args:
        host: URL of the API.
    """
    authority = Authority("kubernetes")
    certificate, key = authority.client("system:masters", "admin")
    trusted = authority.pair()["cert"]
    text = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lab", "cluster": {"server": host, "certificate-authority-data": trusted}}],
            "users": [{"name": "admin@lab", "user": {"client-certificate-data": certificate, "client-key-data": key}}],
            "contexts": [
                {"name": "admin@lab", "context": {"cluster": "lab", "namespace": "default", "user": "admin@lab"}}
            ],
            "current-context": "admin@lab",
        },
        sort_keys=False,
    )
    return text, {"host": host, "caCertificate": trusted, "clientCertificate": certificate, "clientKey": key}


def _name(organization: str | None, common: str | None) -> x509.Name:
    from cryptography import x509  # noqa: PLC0415  (see above)
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    parts = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts if value is not None])


def _service_account_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415  (see above)

    # Talos's has 4096 bits, which take up to seconds to find; nobody in the lab signs with it.
    return _pem_of_key(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _pem_of(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415  (see above)

    return base64.b64encode(certificate.public_bytes(Encoding.PEM)).decode()


def _pem_of_key(key: CertificateIssuerPrivateKeyTypes) -> str:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415  (see above)

    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return base64.b64encode(pem).decode()


def _token() -> str:
    """A token of the form that kubeadm gave it: abcdef.0123456789abcdef."""
    drawn = "".join(secrets.choice(_LETTERS) for _ in range(22))
    return f"{drawn[:6]}.{drawn[6:]}"
