"""What an operator sets: each way of starting is valid, and the site speaks TLS where that is set."""

from __future__ import annotations

import datetime as dt
import ssl
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.embedded.paths import CLONE
from tests.containers.running import compose_command
from tests.live import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.containers.running import Running


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--env-file", "deploy/containers/demo.env"),
        ("--file", "docker-compose.yml", "--file", "docker-compose.external.yml"),
    ],
    ids=["alone", "demo", "stores elsewhere"],
)
def test_each_way_of_starting_is_valid(options: tuple[str, ...]):
    ran = subprocess.run(
        [*compose_command(), *options, "config", "--quiet"],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_the_site_speaks_tls_with_the_certificate_of_its_operator(running: Running, tmp_path: Path):
    certificate = _certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=certificate)
    site = running.site.replace("http://127.0.0.1", "https://localhost")
    usual = dict(running.settings)
    running.settings |= {
        "SAMRAAD_SITE_ADDRESS": "https://localhost:8480",
        "SAMRAAD_SITE_TLS": "tls /tls/site.pem /tls/site.key",
        "SAMRAAD_TLS_DIR": str(tmp_path),
    }
    try:
        running.compose("up", "--detach", "--no-build", "--no-deps", "ingress")
        wait_until(lambda: _answers(site, trusting), 60, "the site to answer by TLS")
        with httpx.Client(base_url=site, verify=trusting) as browser:
            assert browser.get("/").headers["location"] == "/notify/inbox"
            assert browser.get("/.well-known/jwks.json").json()["keys"]
        assert not _answers(site.replace("https", "http"), trusting)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{site}/", verify=ssl.create_default_context())
    finally:
        running.settings.clear()
        running.settings.update(usual)
        running.compose("up", "--detach", "--no-build", "--no-deps", "ingress")
        running.wait_until_healthy()


def _answers(site: str, trusting: ssl.SSLContext) -> bool:
    try:
        return httpx.get(f"{site}/.well-known/jwks.json", verify=trusting, timeout=5).is_success
    except httpx.TransportError:
        return False


def _certificate(folder: Path) -> Path:
    """Make what an authority would give the operator, readable by the ingress's user."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "site.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "site.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    folder.chmod(0o755)
    return file
