"""Fetches one file over HTTPS, checked against its sum; a download that broke off is continued.

What has arrived is kept until the file is whole, so that the next try, or the next run, asks for
the rest alone. A server that cannot continue sends the whole file again. Proxies are those of the
environment, certificates those that this machine trusts.
"""

import hashlib
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from tenacity import (
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from deploy.embedded.errors import ALTERNATIVES, StackProblem

__all__ = ["Arrived", "Remote", "client", "fetch_file", "part_of", "silent", "trusted_certificates"]

TRIES: Final = 4
NOT_CONTINUED: Final = frozenset({400, 405, 412, 416})
"""The statuses of a server that cannot, or will not, send a part of a file."""
TIMEOUT: Final = httpx.Timeout(60.0, connect=20.0)
CERTIFICATES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
FURTHER_CERTIFICATES: Final = ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""Variables by which machines name certificates that Python and Node should trust as well."""

Arrived = Callable[[int, int], None]
"""Called with the bytes of a file that are here, and the bytes that it has."""


def silent(_done: int, _total: int) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file of a registry: where it is, and what it must be."""

    name: str
    """What a person calls it."""
    registry: str
    """What a person calls the registry."""
    url: str
    algorithm: str
    """Of the sum: `sha256` or `sha512`."""
    digest: str
    """The sum in hexadecimal."""
    headers: Mapping[str, str] = field(default_factory=dict)


class _Busy(Exception):
    """The server asks to try again later."""


def client(proxy: str | None = None, certificates: Path | None = None) -> httpx.Client:
    """Open a client that several threads may use; `certificates` are trusted as well."""
    context = ssl.create_default_context(cafile=trusted_certificates())
    named = [os.environ.get(name) for name in FURTHER_CERTIFICATES]
    for place in (*named, certificates):
        if place and Path(place).is_dir():
            context.load_verify_locations(capath=place)
        elif place and Path(place).is_file():
            context.load_verify_locations(cafile=place)
    return httpx.Client(verify=context, proxy=proxy, follow_redirects=True, timeout=TIMEOUT)


def trusted_certificates() -> Path | None:
    """Find the certificates that this machine trusts, its own additions included; None for none."""
    named = [os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile]
    for place in (*named, *CERTIFICATES):
        if place and Path(place).is_file():
            return Path(place)
    return None


def part_of(remote: Remote, folder: Path) -> Path:
    """Name the file that keeps what has arrived so far."""
    return folder / f"{remote.digest[:32]}.part"


def fetch_file(
    opened: httpx.Client, remote: Remote, target: Path, arrived: Arrived = silent
) -> None:
    """Bring a file to `target`, by way of a part in the same folder; one that is right there stays.

    Raises StackProblem when the registry is out of reach or sends something else.
    """
    if target.exists() and _digest(target, remote.algorithm) == remote.digest:
        return
    part = part_of(remote, target.parent)
    continued = part.exists()
    try:
        _receive(opened, remote, part, arrived)
    except (_Busy, httpx.HTTPError, httpx.InvalidURL) as problem:
        raise StackProblem(
            f"{remote.name} could not be fetched from {remote.registry} ({_reason(problem)}): "
            f"does this machine reach the network? {ALTERNATIVES}"
        ) from problem
    if _digest(part, remote.algorithm) == remote.digest:
        part.replace(target)
        return
    part.unlink()
    if not continued:
        raise StackProblem(f"{remote.name} from {remote.registry} has a wrong sum.")
    fetch_file(opened, remote, target, arrived)


@retry(
    retry=retry_if_exception_type((_Busy, httpx.TransportError)),
    stop=stop_after_attempt(TRIES),
    wait=wait_exponential_jitter(multiplier=0.5, max=4),
    reraise=True,
)
def _receive(opened: httpx.Client, remote: Remote, part: Path, arrived: Arrived) -> None:
    """Receive what is missing of a file, or all of it from a server that cannot continue."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", **remote.headers}
    if have:
        headers["Range"] = f"bytes={have}-"
    with opened.stream("GET", remote.url, headers=headers) as answer:
        if have and answer.status_code in NOT_CONTINUED:
            part.unlink()
            raise _Busy(f"HTTP {answer.status_code}")
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise _Busy(f"HTTP {answer.status_code}")
        answer.raise_for_status()
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            have = 0
        total = have + int(answer.headers.get("Content-Length", 0))
        with part.open("ab" if have else "wb") as stream:
            arrived(have, total)
            for chunk in answer.iter_raw():
                stream.write(chunk)
                have += len(chunk)
                arrived(have, max(total, have))


def _reason(problem: Exception) -> str:
    if isinstance(problem, httpx.HTTPStatusError):
        return f"HTTP {problem.response.status_code}"
    return str(problem) if isinstance(problem, _Busy) else type(problem).__name__


def _digest(file: Path, algorithm: str) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
