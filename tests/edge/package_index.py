"""A Python index on loopback with uv as it is installed here, and small packages made for a test."""

import hashlib
import io
import zipfile
from importlib.metadata import distribution
from pathlib import Path

from tests.edge.file_server import FileServer

WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


class PackageIndex(FileServer):
    """An index after PEP 503, and the lines that lock what it has."""

    def __init__(self):
        super().__init__()
        self.locked = {}

    def add_uv(self):
        """Pack the installed uv again."""
        installed = distribution("uv")
        content = {}
        for file in installed.files or ():
            place = Path(installed.locate_file(file))
            if file.parts[0] == "uv" and file.suffix == ".py":
                content[str(file)] = place.read_bytes()
            elif place.parent.name == "bin":
                content[f"uv-{installed.version}.data/scripts/{file.name}"] = place.read_bytes()
        self.add("uv", installed.version, content)

    def add(self, name, version="1.0.0", content=None):
        """Publish a package; without content it has one module with its version."""
        folder = f"{name}-{version}.dist-info"
        content = dict(content or {f"{name}.py": f"VERSION = {version!r}\n".encode()})
        content[f"{folder}/METADATA"] = (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
        )
        content[f"{folder}/WHEEL"] = WHEEL.encode()
        names = [*content, f"{folder}/RECORD"]
        content[f"{folder}/RECORD"] = "".join(f"{one},,\n" for one in names).encode()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for file, data in content.items():
                entry = zipfile.ZipInfo(file)
                entry.external_attr = (0o100755 if "/scripts/" in file else 0o100644) << 16
                archive.writestr(entry, data)
        file = f"{name}-{version}-py3-none-any.whl"
        digest = hashlib.sha256(packed.getvalue()).hexdigest()
        self.files[f"/{file}"] = packed.getvalue()
        self.files[f"/{name}/"] = f'<a href="/{file}#sha256={digest}">{file}</a>'.encode()
        self.locked[name] = f"{name}=={version} \\\n    --hash=sha256:{digest}\n"

    def lock(self, *names):
        """The content of a lock of these."""
        return "".join(self.locked[name] for name in names)
