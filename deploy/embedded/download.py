"""What a clone downloads once: Kafka's jars, the design system's files, the tests' browser.

Every file is received beside its place, checked against a sum kept here, and renamed into place: a
second run finds it done, a run that was broken off is continued, two runs at once do no harm.
Progress is reported to a `Meter`, so that a terminal can draw it and a log can skip it.
"""

import fcntl
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.embedded import transfer
from deploy.embedded.paths import Home
from deploy.embedded.registries import maven_central
from deploy.embedded.transfer import Remote, fetch_file, part_of

SUMS = Path(__file__).with_name("kafka-jars.sha256")
SIDE_BY_SIDE = 6
"""Downloads at the same time."""


Meter = Callable[[str, int, int], None]
"""Called with the name of a download, its bytes received so far, and its bytes in total."""


def silent(_what: str, _done: int, _total: int) -> None:
    """A meter that shows nothing."""


def read_sums() -> dict[str, str]:
    """Read the SHA-256 sum of every jar, by its path in a Maven repository."""
    return {path: digest for digest, path, _size in _read_list()}


def _read_sizes() -> dict[str, int]:
    """Read how many bytes every jar has, likewise."""
    return {path: int(size) for _digest, path, size in _read_list()}


def _read_list() -> list[list[str]]:
    return [line.split() for line in SUMS.read_text(encoding="ascii").splitlines()]


def missing_jars(home: Home) -> list[str]:
    """List the jars (Maven paths) that are absent or have a wrong sum."""
    return [path for path, digest in read_sums().items() if not _matches(_jar(home, path), digest)]


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
        count = _Count(home, meter, wanted)
        with transfer.client() as opened, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            under_way = [pool.submit(_fetch_jar, path, opened, home, count) for path in wanted]
            try:
                for one in as_completed(under_way):
                    one.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


class _Count:
    """Adds up the bytes of all jars, which arrive side by side."""

    def __init__(self, home: Home, meter: Meter, wanted: list[str]) -> None:
        self._here = _read_sizes()
        self._total = sum(self._here.values())
        for path in wanted:
            part = part_of(_remote(path), home.jars)
            self._here[path] = part.stat().st_size if part.exists() else 0
        self._meter = meter
        self._lock = threading.Lock()
        meter("Kafka", sum(self._here.values()), self._total)

    def arrived(self, path: str, done: int) -> None:
        with self._lock:
            self._here[path] = done
            self._meter("Kafka", sum(self._here.values()), self._total)


def _fetch_jar(path: str, opened: httpx.Client, home: Home, count: _Count) -> None:
    fetch_file(
        opened,
        _remote(path),
        _jar(home, path),
        lambda done, _total: count.arrived(path, done),
    )


def _remote(path: str) -> Remote:
    registry = maven_central()
    return Remote(
        name=f"Kafka's jar {path.rsplit('/', 1)[1]}",
        registry=registry.name,
        url=f"{registry.url}/{path}",
        algorithm="sha256",
        digest=read_sums()[path],
    )


def _jar(home: Home, path: str) -> Path:
    return home.jars / path.rsplit("/", 1)[1]


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


def parts(cache: Path) -> Path:
    """Give the place where archives are received; what is there is continued by the next run."""
    place = cache / "parts"
    place.mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def draft(cache: Path) -> Iterator[Path]:
    """Give an empty place on the cache's own file system that is gone afterwards.

    For the one run that has `only_one`: what a killed run left here is removed.
    """
    place = cache / ".draft"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
