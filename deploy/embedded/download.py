"""What a clone downloads once: Kafka's jars, the design system's files, the tests' browser.

Every download goes to a draft beside its place, is checked against a sum kept here, and is renamed
into place: a second run finds it done, a broken run leaves nothing half-made, two runs at once do
no harm. Progress is told through a `Meter`, so that a terminal can draw it and a log can skip it.
"""

import fcntl
import hashlib
import os
import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.errors import ALTERNATIVES, StackProblem
from deploy.embedded.paths import Home

SUMS = Path(__file__).with_name("kafka-jars.sha256")
TIMEOUT_SECONDS = 60
CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
SIDE_BY_SIDE = 6
"""Downloads at the same time."""


Meter = Callable[[str, int, int], None]
"""Told how far a download is: what it is, how many parts are there, of how many."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Meter for those who do not look."""


def read_sums() -> dict[str, str]:
    """Read the SHA-256 sum of every jar, by its path in a Maven repository."""
    lines = (line.split() for line in SUMS.read_text(encoding="ascii").splitlines())
    return {path: digest for digest, path in lines}


def missing_jars(home: Home) -> list[str]:
    """List the jars (Maven paths) that are absent or not what their sums say."""
    return [
        path
        for path, digest in read_sums().items()
        if not _matches(home.jars / path.rsplit("/", 1)[1], digest)
    ]


def fetch_jars(home: Home, meter: Meter = silent) -> None:
    """Bring Kafka's jars from Maven Central into the cache, each checked against its sum.

    Raises StackProblem when the registry is out of reach or sends something else.
    """
    if not missing_jars(home):
        return
    with only_one(home.cache):
        wanted = missing_jars(home)
        if not wanted:
            return
        home.jars.mkdir(parents=True, exist_ok=True)
        certificates = trusted_certificates()
        if certificates is not None:
            os.environ.setdefault("REQUESTS_CA_BUNDLE", str(certificates))
        with draft(home.cache) as place, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            sums = read_sums()
            under_way = [pool.submit(_fetch_jar, path, sums[path], place, home) for path in wanted]
            meter("Kafka", 0, len(wanted))
            try:
                for done, one in enumerate(as_completed(under_way), start=1):
                    one.result()
                    meter("Kafka", done, len(wanted))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def trusted_certificates() -> Path | None:
    """Find the certificates that this machine trusts, its own additions included; None for none.

    pip goes by them; the clients of the other registries bring lists of their own, which know
    nothing of a company's proxy.
    """
    named = [os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile]
    for place in (*named, *CERTIFICATES):
        if place and Path(place).is_file():
            return Path(place)
    return None


def _fetch_jar(path: str, digest: str, place: Path, home: Home) -> None:
    from jgo.maven import MavenContext  # noqa: PLC0415 (slow to import, needed once)

    group, name, version, jar = path.rsplit("/", 3)
    context = MavenContext(repo_cache=place, timeout=TIMEOUT_SECONDS)
    artifact = context.project(group.replace("/", "."), name).at_version(version).artifact()
    try:
        file = artifact.resolve()
    except (OSError, RuntimeError) as problem:
        raise StackProblem(
            f"Kafka's jar {jar} could not be fetched from Maven Central "
            f"({type(problem).__name__}): is there a way to the network? {ALTERNATIVES}"
        ) from problem
    if not _matches(file, digest):
        raise StackProblem(f"{jar} from Maven Central is not what its sum in {SUMS.name} says.")
    file.replace(home.jars / jar)


def _matches(file: Path, digest: str) -> bool:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == digest
    except FileNotFoundError:
        return False


@contextmanager
def only_one(cache: Path) -> Iterator[None]:
    """Let one run at a time download into this cache; the others wait, then find it done."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def draft(cache: Path) -> Iterator[Path]:
    """Give a place on the cache's own file system that is gone afterwards."""
    cache.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=".draft-", dir=cache))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
