"""The keys that open sealed reports: JWK files in one directory, read again when they change.

One file per key, `<name>.json`, 0600. Every key in the directory opens letters; the JWKS for
partners has those that are not retired. To rotate: put a second key beside the first; when partners
have fetched it, write `"retired_at": "<day>"` into the first one's file; remove that file 15 days
later, once nothing that is set aside names it. Until then what was sealed to it still opens.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import structlog

from shared.security.sealed_letters import SealKeys, new_seal_key, public_seal_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SealKeyDirectory"]

RETIRED: Final = "retired_at"
FIRST: Final = "first.json"

Jwk = dict[str, Any]
_Files = tuple[tuple[str, int], ...]

_log = structlog.get_logger(__name__)


class SealKeyDirectory:
    """Seal keys on disk; a change counts from the next letter on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: _Files | None = None
        self._complained_of: tuple[_Files, str] | None = None
        self._keys: tuple[Jwk, ...] = ()
        self._ready = SealKeys(())

    def make_first(self) -> None:
        """Make a key where there is none; two processes that start at once end with the same."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(self._directory.glob("*.json")):
            self._write(self._directory / FIRST, new_seal_key())

    def opening(self) -> SealKeys:
        """Return every key that opens letters, retired ones too."""
        self._refresh()
        return self._ready

    def published(self) -> dict[str, list[Jwk]]:
        """Return the JWKS for partners: the public halves of the keys in use."""
        self._refresh()
        return {"keys": [public_seal_key(key) for key in self._keys if RETIRED not in key]}

    def _refresh(self) -> None:
        """Read the files again if they changed.

        If a file cannot be read, the keys stay as they were and the log says so. Somebody may be
        writing the file at this moment, so it is tried again each time.

        Raises:
            ValueError: a file holds no key, and no key was ever read.

        """
        files = sorted(self._directory.glob("*.json"))
        seen = tuple((file.name, file.stat().st_mtime_ns) for file in files)
        if seen == self._seen:
            return
        try:
            keys = tuple(_read(file) for file in files)
            ready = SealKeys(keys)
        except ValueError as error:
            if not self._keys:
                raise
            if self._complained_of != (seen, str(error)):
                self._complained_of = (seen, str(error))
                _log.error("seal_keys_not_read", reason=str(error))
        else:
            self._keys, self._ready, self._seen = keys, ready, seen
            self._complained_of = None

    def _write(self, target: Path, key: Mapping[str, Any]) -> None:
        """Write a key whole or not at all, and never over one that a rival wrote first."""
        handle, name = tempfile.mkstemp(dir=self._directory, prefix=".new-")  # 0600 from birth
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(key, file)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(name, target)
        finally:
            os.unlink(name)  # noqa: PTH108 - mkstemp speaks of names


def _read(file: Path) -> Jwk:
    try:
        key = json.loads(file.read_text(encoding="utf-8"))
        return {**key, "kid": str(key["kid"])}
    except (OSError, ValueError, TypeError, KeyError):
        raise ValueError(f"{file}: this is no seal key: a private JWK with a kid.") from None
