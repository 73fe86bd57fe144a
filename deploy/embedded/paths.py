"""Where the stack keeps things: the state of one stack (`Home`) and what a clone downloads once."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parents[2]
STAFF = Path(__file__).resolve().with_name("staff.yaml")
"""The synthetic staff of the demo."""
SOCKET_PATH_LIMIT = 90
"""Bytes that a Unix socket's path may have (the kernel's 108, less what the supervisor appends)."""


@dataclass(frozen=True)
class Home:
    """The state directory of one stack; several stacks of one clone share the cache."""

    root: Path
    cache: Path

    @classmethod
    def from_environment(cls) -> "Home":
        """Read `$SAMRAAD_HOME` (default `.samraad/`) and `$SAMRAAD_CACHE` (default `.cache/`)."""
        root = Path(os.environ.get("SAMRAAD_HOME") or CLONE / ".samraad")
        cache = Path(os.environ.get("SAMRAAD_CACHE") or CLONE / ".cache")
        return cls(root=root.absolute(), cache=cache.absolute())

    @property
    def is_default(self) -> bool:
        """Whether this is the clone's own stack, and none made for a test or beside it."""
        return self.root == CLONE / ".samraad"

    @property
    def ports_file(self) -> Path:
        """The ports of this stack, chosen once and remembered."""
        return self.root / "ports.json"

    @property
    def secrets(self) -> Path:
        """Logins, keys and tokens: the directory is 0700, its files are 0600."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What is made at every start: the supervisor's files and generated settings."""
        return self.root / "run"

    @property
    def restart_counts(self) -> Path:
        """How often each process was restarted since the supervisor was started."""
        return self.run / "lives"

    @property
    def traces(self) -> Path:
        """Where processes write their traces; they do so while this folder is there."""
        return self.root / "traces"

    @property
    def kafka(self) -> Path:
        """The broker's data."""
        return self.root / "kafka"

    @property
    def mongo(self) -> Path:
        """The database's data."""
        return self.root / "mongo"

    @property
    def sockets(self) -> Path:
        """The folder of Unix sockets: in `run`, or in a short private place when that path is long."""
        if len(os.fsencode(self.run)) <= SOCKET_PATH_LIMIT - len("/supervisor.sock"):
            return self.run
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"samraad-{os.getuid()}-{name}"

    @property
    def jars(self) -> Path:
        """Kafka's jars, each checked against its SHA-256 sum."""
        return self.cache / "kafka"

    @property
    def dkfds(self) -> Path:
        """The `dist/` folder of the design system."""
        return self.cache / "dkfds"

    @property
    def htmx(self) -> Path:
        """The script that refreshes parts of a page."""
        return self.cache / "htmx"

    @property
    def chromium(self) -> Path:
        """The browser of the browser tests."""
        return self.cache / "chromium"

    def make(self) -> None:
        """Make the directories, closed to other users."""
        for place in (
            self.root,
            self.secrets,
            self.secrets / "kafka",
            self.secrets / "mongo",
            self.secrets / "master",
            self.secrets / "service-tokens",
            self.logs,
            self.run,
        ):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.secrets.chmod(0o700)
        make_private(self.sockets)


def make_private(place: Path) -> None:
    """Make a directory that is ours alone, and refuse one that another user made.

    Raises PermissionError when it belongs to another user.
    """
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = place.lstat()
    if found.st_uid != os.getuid():
        raise PermissionError(f"{place} belongs to another user")
    place.chmod(0o700)


def write_private(file: Path, content: str | bytes) -> None:
    """Write `content` readable by us alone, whole or not at all."""
    data = content.encode() if isinstance(content, str) else content
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
