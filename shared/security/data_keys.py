"""Data keys: one for each person and each case, so that destroying a key erases its data.

Client-side field level encryption in explicit mode: MongoDB holds only ciphertext, and the data
keys (collection `<db>.keys`) only wrapped under a master key that MongoDB never sees. A blob is
encrypted with randomised AEAD_AES_256_CBC_HMAC_SHA_512: the same text gives other bytes each time.

A destroyed key stops decrypting at once in the process that destroyed it, and within
`KEY_CACHE_MS` in every other, because libmongocrypt caches unwrapped keys for that long.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from bson.binary import STANDARD, UUID_SUBTYPE, Binary
from bson.codec_options import CodecOptions
from pymongo import ReadPreference
from pymongo.asynchronous.encryption import AsyncClientEncryption
from pymongo.encryption_shared import Algorithm
from pymongo.errors import DuplicateKeyError, EncryptionError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.crash_points import reach
from shared.errors import Away, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping
    from pathlib import Path

    from pymongo import AsyncMongoClient

__all__ = ["KEYS_COLLECTION", "KEY_CACHE_MS", "KeyDestroyed", "Keys", "MasterKey", "NotABlob"]

KEYS_COLLECTION: Final = "keys"
KEY_CACHE_MS: Final = 1_000
"""The longest time that another process may still decrypt under a destroyed key, in ms.

Below about 100 ms every read fetches its key again; with libmongocrypt's default of 60 s an erasure
would not be effective for a minute.
"""

_LOCAL_BYTES: Final = 96
_CREATED_AT_ONCE: Final = 32
_CIPHER_SUBTYPE: Final = 6
_ALGORITHM: Final = Algorithm.AEAD_AES_256_CBC_HMAC_SHA_512_Random
_RANDOM: Final = 2
"""The first byte of every blob that is sealed here; the id of its key follows."""
_KEY_ID: Final = slice(1, 17)

Result = TypeVar("Result")


class KeyDestroyed(Exception):
    """The blob's key is destroyed: nobody can read the content again."""


class NotABlob(ValueError):
    """The bytes were not encrypted by a data key, or they are damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKey:
    """The key that wraps the data keys: 96 bytes from a file, or a key management service."""

    provider: str
    """PyMongo's name of it: local, aws, azure, gcp or kmip."""
    credentials: Mapping[str, Any] = field(repr=False)
    key: Mapping[str, Any] | None = None
    """Which key of the service; None for a local one."""
    tls: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the master key that a file names; raises ValueError with one sentence otherwise.

        A file of 96 bytes is the key itself. Anything else is JSON that names a service:
        `{"provider": "aws", "credentials": {…}, "key": {…}, "tls": {…}}`, each member as PyMongo's
        `AsyncClientEncryption` takes it.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path}: the master key cannot be read ({error.strerror}).") from None
        try:
            settings = json.loads(content)
            provider, credentials = settings["provider"], settings["credentials"]
            return cls(
                provider=provider,
                credentials=credentials,
                key=settings.get("key"),
                tls=settings.get("tls"),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            if len(content) == _LOCAL_BYTES:
                return cls(provider="local", credentials={"key": content})
        raise ValueError(
            f"{path}: a master key is {_LOCAL_BYTES} bytes, or JSON that names a key service."
        )


class Keys:
    """The data keys of one service, by name: `person:<id>`, `case:<id>`, `report:<id>`."""

    def __init__(
        self, client: AsyncMongoClient[dict[str, Any]], database: str, master: MasterKey
    ) -> None:
        self._client = client
        self._database = database
        self._master = master
        self._vault = client[database].get_collection(
            KEYS_COLLECTION,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern(w="majority", j=True),
        )
        self._creating = asyncio.Semaphore(_CREATED_AT_ONCE)
        self._cipher = self._new_cipher()

    async def prepare(self) -> None:
        """Make the unique index of key names. Call it at start, before any key is made."""
        await self._vault.create_index(
            "keyAltNames",
            unique=True,
            name="keyAltNames",
            partialFilterExpression={"keyAltNames": {"$exists": True}},
        )

    async def ensure(self, names: Iterable[str]) -> None:
        """Make the keys that do not exist yet. Concurrent calls end with the same keys."""
        wanted = set(names)
        if not wanted:
            return
        found = self._vault.find({"keyAltNames": {"$in": sorted(wanted)}}, {"keyAltNames": 1})
        async for key in found:
            wanted.difference_update(key["keyAltNames"])
        await asyncio.gather(*map(self._create, sorted(wanted)))
        if wanted:
            reach("keys.made")

    async def encrypt(self, name: str, opened: bytes) -> Binary:
        """Encrypt bytes under the key of that name; raises KeyDestroyed if there is none."""
        return await _unwrapped(
            self._cipher.encrypt(
                Binary(opened),
                _ALGORITHM,
                key_alt_name=name,
            )
        )

    async def decrypt(self, blob: Binary) -> bytes:
        """Decrypt a blob; raises KeyDestroyed if its key is gone, NotABlob for other bytes.

        libmongocrypt reports a damaged blob and a key that cannot be unwrapped by the same error.
        So if a blob does not open, its key is tried alone: if the key works, the blob is damaged;
        if not, the caller must wait.

        Raises:
            KeyDestroyed: its key is gone.
            NotABlob: the bytes were never sealed here, or are damaged.
            Unavailable: data keys cannot be unwrapped at present.

        """
        if len(blob) < _KEY_ID.stop or blob[0] != _RANDOM:
            raise NotABlob("these bytes are no blob")
        try:
            return await self._decrypt(blob)
        except Unavailable:
            key_id = Binary(blob[_KEY_ID], UUID_SUBTYPE)
            await _unwrapped(self._cipher.encrypt(Binary(b""), _ALGORITHM, key_id=key_id))
        try:
            return await self._decrypt(blob)  # the key may have been unavailable for a moment only
        except Unavailable:
            raise NotABlob("these bytes are no blob, or a damaged one") from None

    async def destroy(self, name: str) -> bool:
        """Destroy the key of that name, and with it all its data; return whether it existed.

        A later key of the same name is another key and opens none of the old data.
        """
        deleted = await self._vault.delete_one({"keyAltNames": name})
        self.forget()
        return deleted.deleted_count > 0

    def forget(self) -> None:
        """Drop all cached keys, because they may be gone from the store.

        An operation in progress keeps the old cipher until it is done.
        """
        self._cipher = self._new_cipher()

    async def _decrypt(self, blob: Binary) -> bytes:
        opened: bytes = await _unwrapped(self._cipher.decrypt(Binary(blob, _CIPHER_SUBTYPE)))
        return opened

    async def _create(self, name: str) -> None:
        async with self._creating:
            try:
                await _unwrapped(
                    self._cipher.create_data_key(
                        self._master.provider, master_key=self._master.key, key_alt_names=[name]
                    )
                )
            except DuplicateKeyError:
                return  # another process was first, and its key serves as well
            reach("keys.between_two")

    def _new_cipher(self) -> AsyncClientEncryption[dict[str, Any]]:
        provider = self._master.provider
        return AsyncClientEncryption(
            {provider: self._master.credentials},
            f"{self._database}.{KEYS_COLLECTION}",
            self._client,
            CodecOptions(uuid_representation=STANDARD),
            kms_tls_options=None if self._master.tls is None else {provider: self._master.tls},
            key_expiration_ms=KEY_CACHE_MS,
        )


async def _unwrapped(working: Awaitable[Result]) -> Result:
    """Return the result, or raise what happened: a lost connection is not a lost key.

    Raises:
        KeyDestroyed: there is no such key.
        Unavailable: keys cannot be wrapped or unwrapped at present, or the bytes are damaged.

    """
    try:
        return await working
    except EncryptionError as error:
        cause = error.cause
        if isinstance(cause, PyMongoError):
            raise cause from None
        if "not all keys requested were satisfied" in str(cause):
            raise KeyDestroyed("the key of this blob is gone") from None
        # The key service is away, or the master key is the wrong one. The caller waits and loses
        # nothing, and continues once a person has corrected it.
        raise Away(f"data keys cannot be had now ({type(cause).__name__})") from error
