"""What comes from the npm registry: files only, each package checked against its SHA-512 sum."""

import base64
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.embedded.download import Meter, draft, only_one, parts, silent
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home
from deploy.embedded.registries import npm_registry
from deploy.embedded.transfer import Remote, client, fetch_file

CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Package:
    """One version of an npm package and its SHA-512 sum."""

    name: str
    version: str
    sha512: str

    def remote(self) -> Remote:
        """Name its archive in the registry that this machine has for it."""
        registry = npm_registry(self.name)
        file = f"{self.name.rpartition('/')[2]}-{self.version}.tgz"
        login = registry.authorization
        return Remote(
            name=self.name,
            registry=registry.name,
            url=f"{registry.url}/{self.name}/-/{file}",
            algorithm="sha512",
            digest=base64.b64decode(self.sha512).hex(),
            headers={"Authorization": login} if login else {},
        )


DKFDS = Package(
    "dkfds",
    "11.2.0",
    "JuVf8NjEOeF+TKIhEFXa3BfZvk1ulQM8+XN+6QhgDo6kiwwvupyBY34YU4FglBeyFWHbE5mYDmnrcYTWOSKkEA==",
)
HTMX = Package(
    "htmx.org",
    "2.0.11",
    "Thx/WtpeOQqSrqBCw/A1cwGJGg4UrVa3+sW0GmrM3p4gJgO89ecH4qtbnyzDDWFvBTqjnIMCgELTNt636dtamA==",
)
CHROMIUM = Package(
    "@sparticuz/chromium",
    "153.0.0",
    "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==",
)


def fetch_dkfds(home: Home, meter: Meter = silent) -> Path:
    """Bring the design system's compiled files into the cache, once; return their folder.

    Raises StackProblem when the registry is out of reach or sends something else.
    """
    return _fetch_dist(home, DKFDS, home.dkfds, "design system", meter)


def fetch_htmx(home: Home, meter: Meter = silent) -> Path:
    """Bring the script that refreshes parts of a page into the cache, likewise."""
    return _fetch_dist(home, HTMX, home.htmx, "page script", meter)


def _fetch_dist(home: Home, package: Package, target: Path, what: str, meter: Meter) -> Path:
    if is_there(target, package):
        return target
    with only_one(home.cache):
        if is_there(target, package):
            return target
        with draft(home.cache) as place:
            _put(unpack_package(home.cache, package, place, what, meter) / "dist", target, package)
    return target


def fetch_chromium(home: Home, meter: Meter = silent) -> Path:
    """Bring the browser of the browser tests into the cache, once; return its binary.

    Start it with the environment of `chromium_environment`. Raises StackProblem as above.
    """
    binary = home.chromium / "chromium"
    if is_there(home.chromium, CHROMIUM):
        return binary
    with only_one(home.cache):
        if is_there(home.chromium, CHROMIUM):
            return binary
        with draft(home.cache) as place:
            package = unpack_package(home.cache, CHROMIUM, place, "browser", meter)
            _put(_unpack_chromium(package / "bin", place), home.chromium, CHROMIUM)
    return binary


def chromium_environment(home: Home) -> dict[str, str]:
    """Give the environment that lets the browser find the libraries it brings along.

    What the machine has itself comes first, so that no system library is replaced by an older one.
    """
    return {
        "LD_LIBRARY_PATH": str(home.chromium / "lib"),
        "FONTCONFIG_PATH": str(home.chromium / "fonts"),
    }


def _unpack_chromium(packed: Path, place: Path) -> Path:
    target = place / "chromium"
    target.mkdir()
    _unbrotli(packed / "chromium.br", target / "chromium")
    (target / "chromium").chmod(0o755)
    for name in ("al2023", "swiftshader", "fonts"):
        archive = packed / f"{name}.tar.br"
        if archive.exists():
            tar = place / f"{name}.tar"
            _unbrotli(archive, tar)
            _untar(tar, target)
    return target


def _unbrotli(source: Path, target: Path) -> None:
    import brotli  # noqa: PLC0415 (for the browser tests alone: an image of a service has none)

    unpacking = brotli.Decompressor()
    try:
        with source.open("rb") as packed, target.open("wb") as unpacked:
            while chunk := packed.read(CHUNK_BYTES):
                unpacked.write(unpacking.process(chunk))
    except brotli.error as problem:
        raise StackProblem(f"{source.name} could not be unpacked.") from problem
    if not unpacking.is_finished():
        raise StackProblem(f"{source.name} could not be unpacked.")


def unpack_package(
    cache: Path, package: Package, place: Path, what: str, meter: Meter = silent
) -> Path:
    """Fetch one package, check it, unpack it in `place`; return its folder.

    Raises StackProblem when the registry is out of reach or sends something else.
    """
    registry = npm_registry(package.name)
    archive = parts(cache) / f"{package.name.replace('/', '+')}-{package.version}.tgz"
    with client(registry.proxy, registry.certificates) as opened:
        fetch_file(opened, package.remote(), archive, lambda done, total: meter(what, done, total))
    _untar(archive, place)
    archive.unlink()
    return place / "package"


def _untar(file: Path, target: Path) -> None:
    with tarfile.open(file) as archive:
        archive.extractall(target, filter="data")


def _put(source: Path, target: Path, package: Package) -> None:
    (source / ".version").write_text(package.version)
    if target.exists():
        shutil.rmtree(target)
    source.replace(target)


def is_there(target: Path, package: Package) -> bool:
    """Whether this version is there, complete."""
    try:
        return (target / ".version").read_text() == package.version
    except FileNotFoundError:
        return False
