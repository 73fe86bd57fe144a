"""What a clone downloads: from the registries of this machine, whole, and checked."""

import base64
import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy.embedded.errors import StackProblem
from deploy.embedded.npm import Package, unpack_package
from deploy.embedded.paths import CLONE, Home
from deploy.embedded.ports import draw
from deploy.embedded.registries import npm_registry
from deploy.embedded.transfer import Remote, client, fetch_file, part_of
from tests.edge.file_server import FileServer

CONTENT = hashlib.shake_256(b"jar").digest(300_000)
PATH = "/a/jar-1.jar"


@pytest.fixture
def server():
    return FileServer()


@pytest.fixture
def url(server):
    server.files[PATH] = CONTENT
    with server.serving() as address:
        yield address


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine without any settings of npm."""
    for name in [name for name in os.environ if name.lower().startswith("npm_config_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NPM_CONFIG_GLOBALCONFIG", str(tmp_path / "none"))
    return home


def a_jar(url, content=CONTENT):
    return Remote(
        "jar 1", "the shelf", f"{url}{PATH}", "sha256", hashlib.sha256(content).hexdigest()
    )


def fetched(remote, target):
    """What has arrived, and the progress each time it was reported."""
    progress = []
    with client() as opened:
        fetch_file(opened, remote, target, lambda done, total: progress.append((done, total)))
    return target.read_bytes(), progress


def test_a_download_whose_connection_breaks_goes_on_where_it_stopped(server, url, tmp_path):
    server.breaks[PATH] = 100_000

    content, progress = fetched(a_jar(url), tmp_path / "jar")

    assert content == CONTENT
    assert server.ranges(PATH) == [None, "bytes=100000-"]
    assert progress[-1] == (len(CONTENT), len(CONTENT))
    assert [file.name for file in tmp_path.iterdir()] == ["jar"]


def test_the_next_run_asks_only_for_what_a_killed_run_did_not_get(server, url, tmp_path):
    part_of(a_jar(url), tmp_path).write_bytes(CONTENT[:250_000])

    content, progress = fetched(a_jar(url), tmp_path / "jar")

    assert content == CONTENT
    assert server.ranges(PATH) == ["bytes=250000-"]
    assert progress[0] == (250_000, len(CONTENT))


@pytest.mark.parametrize("answer", [200, 400])
def test_a_server_that_cannot_continue_sends_the_whole_file(server, url, tmp_path, answer):
    server.without_parts = answer
    part_of(a_jar(url), tmp_path).write_bytes(CONTENT[:1000])

    assert fetched(a_jar(url), tmp_path / "jar")[0] == CONTENT


def test_a_part_that_belongs_to_nothing_is_thrown_away(server, url, tmp_path):
    part_of(a_jar(url), tmp_path).write_bytes(b"nonsense")

    assert fetched(a_jar(url), tmp_path / "jar")[0] == CONTENT
    assert server.ranges(PATH) == ["bytes=8-", None]


def test_a_file_that_differs_from_its_checksum_is_refused(url, tmp_path):
    with pytest.raises(StackProblem, match="jar 1 from the shelf has a wrong sum"):
        fetched(a_jar(url, b"another"), tmp_path / "jar")

    assert list(tmp_path.iterdir()) == []


def test_a_registry_without_the_file_is_reported_with_its_answer(server, url, tmp_path):
    del server.files[PATH]

    with pytest.raises(StackProblem, match=r"could not be fetched from the shelf \(HTTP 404\)"):
        fetched(a_jar(url), tmp_path / "jar")


def a_package(server, name="pages", path="/pages/-/pages-1.0.0.tgz"):
    """Put an npm package into the registry, with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/dist/style.css")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"a {}"))
    server.files[path] = packed.getvalue()
    digest = hashlib.sha512(packed.getvalue()).digest()
    return Package(name, "1.0.0", base64.b64encode(digest).decode())


@pytest.mark.usefixtures("machine")
def test_a_package_comes_from_the_registry_that_the_environment_names(
    server, url, tmp_path, monkeypatch
):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"{url}/")
    package = a_package(server)

    place = unpack_package(tmp_path, package, tmp_path, "pages")

    assert (place / "dist" / "style.css").read_text() == "a {}"
    assert list((tmp_path / "parts").iterdir()) == []


@pytest.mark.usefixtures("machine")
def test_a_package_that_differs_from_its_checksum_is_refused(server, url, tmp_path, monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", url)
    a_package(server)

    with pytest.raises(StackProblem, match="pages from the npm registry has a wrong sum"):
        unpack_package(
            tmp_path, Package("pages", "1.0.0", base64.b64encode(b"0" * 64).decode()), tmp_path, ""
        )

    assert not (tmp_path / "package").exists()


def test_a_scope_has_its_own_registry_and_login_in_npmrc(
    machine, server, url, tmp_path, monkeypatch
):
    monkeypatch.setenv("TOKEN_OF_THE_SHELF", "t0ken")
    (machine / ".npmrc").write_text(
        "# ours\nregistry = http://127.0.0.1:1/\n"
        f"@shelf:registry={url}/npm/\n"
        f"//{urlsplit(url).netloc}/npm/:_authToken=${{TOKEN_OF_THE_SHELF}}\n"
    )
    path = "/npm/@shelf/pages/-/pages-1.0.0.tgz"

    unpack_package(tmp_path, a_package(server, "@shelf/pages", path), tmp_path, "pages")

    assert server.asked == [(path, None, "Bearer t0ken")]


def test_no_other_registry_gets_the_login_of_one(machine, url):
    (machine / ".npmrc").write_text(
        f"registry={url}/public/\n//{urlsplit(url).netloc}/private/:_authToken=t0ken\n"
    )

    assert npm_registry("pages").authorization is None


def test_the_environment_has_its_way_before_the_user_and_the_user_before_the_machine(
    machine, tmp_path, monkeypatch
):
    for_all = tmp_path / "npmrc"
    for_all.write_text("registry=http://machine.test/\n@a:registry=http://a.test/\n")
    monkeypatch.setenv("NPM_CONFIG_GLOBALCONFIG", str(for_all))
    (machine / ".npmrc").write_text("registry='http://user.test/'\n")

    assert npm_registry("pages").url == "http://user.test"
    assert npm_registry("@a/pages").url == "http://a.test"
    monkeypatch.setenv("npm_config_registry", "http://environment.test")
    assert npm_registry("pages").url == "http://environment.test"


@pytest.mark.usefixtures("machine")
def test_a_bare_machine_uses_the_public_registry():
    address = urlsplit(npm_registry("dkfds").url)

    assert address.scheme == "https"
    assert "npm" in address.hostname
    assert npm_registry("dkfds").authorization is None


@pytest.mark.usefixtures("machine")
def test_a_registry_out_of_reach_is_reported_in_one_sentence(downloads, tmp_path):
    (tmp_path / "kafka").symlink_to(downloads.jars)

    done = subprocess.run(
        [sys.executable, "-m", "deploy.embedded.fetch"],
        cwd=CLONE,
        env={
            **os.environ,
            "SAMRAAD_CACHE": str(tmp_path),
            "NPM_CONFIG_REGISTRY": f"http://127.0.0.1:{draw(())}/",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 1
    [sentence] = done.stderr.strip().splitlines()
    assert sentence.startswith(
        "dkfds could not be fetched from the npm registry (ConnectError): does this machine reach "
        "the network?"
    )
    assert not Home(root=Path("/nowhere"), cache=tmp_path).dkfds.exists()
