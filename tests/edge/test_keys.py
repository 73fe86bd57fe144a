import asyncio
import json
import os

import pytest
from bson.binary import Binary
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from shared.errors import Unavailable
from shared.security.data_keys import KEY_CACHE_MS, KeyDestroyed, Keys, MasterKey, NotABlob


@pytest.fixture
async def vault(intake_mongo, tmp_path):
    """A key vault of its own: its keys, and how to open it as another process would."""
    file = tmp_path / "master.key"
    file.write_bytes(os.urandom(96))
    await intake_mongo["vault"].keys.delete_many({})

    def open_again():
        return Keys(intake_mongo, "vault", MasterKey.read(file))

    keys = open_again()
    await keys.prepare()
    return keys, open_again


async def test_what_was_sealed_opens_under_its_own_key_alone(vault, intake_mongo):
    keys, open_again = vault
    await keys.ensure(["person:a", "person:b"])

    blob = await keys.encrypt("person:a", "Testa Prøvesen".encode())

    assert blob.subtype == 6
    assert b"Testa" not in blob
    assert await open_again().decrypt(blob) == "Testa Prøvesen".encode()
    assert blob != await keys.encrypt("person:a", "Testa Prøvesen".encode())
    assert await intake_mongo["vault"].keys.count_documents({}) == 2


async def test_a_destroyed_key_opens_nothing_in_the_very_process_that_used_it(vault):
    keys, _ = vault
    await keys.ensure(["person:a", "person:b"])
    gone, kept = await keys.encrypt("person:a", b"a"), await keys.encrypt("person:b", b"b")
    assert await keys.decrypt(gone) == b"a"

    assert await keys.destroy("person:a") is True

    with pytest.raises(KeyDestroyed):
        await keys.decrypt(gone)
    with pytest.raises(KeyDestroyed):
        await keys.encrypt("person:a", b"more")
    assert await keys.decrypt(kept) == b"b"
    assert await keys.destroy("person:a") is False


async def test_what_is_sealed_after_the_keys_were_restored_opens_in_another_process(
    vault, intake_mongo
):
    keys, open_again = vault
    await keys.ensure(["person:a"])
    await keys.encrypt("person:a", b"before")
    await intake_mongo["vault"].keys.delete_many({})

    keys.forget()
    await keys.ensure(["person:a"])
    blob = await keys.encrypt("person:a", b"after")

    assert await open_again().decrypt(blob) == b"after"


async def test_another_process_that_used_the_key_cannot_open_it_for_longer_than_its_cache(vault):
    keys, open_again = vault
    other = open_again()
    await keys.ensure(["person:a"])
    blob = await keys.encrypt("person:a", b"a")
    assert await other.decrypt(blob) == b"a"

    await keys.destroy("person:a")
    await asyncio.sleep(KEY_CACHE_MS / 1000 + 0.2)

    with pytest.raises(KeyDestroyed):
        await other.decrypt(blob)


async def test_a_new_key_of_the_same_name_opens_nothing_of_the_old(vault):
    keys, _ = vault
    await keys.ensure(["person:a"])
    old = await keys.encrypt("person:a", b"a")
    await keys.destroy("person:a")

    await keys.ensure(["person:a"])

    assert await keys.decrypt(await keys.encrypt("person:a", b"new")) == b"new"
    with pytest.raises(KeyDestroyed):
        await keys.decrypt(old)


async def test_rivals_who_make_the_same_keys_end_with_one_of_each(vault, intake_mongo):
    keys, open_again = vault
    names = [f"case:{n}" for n in range(20)]

    await asyncio.gather(*(each.ensure(names) for each in (keys, open_again(), keys, open_again())))

    assert await intake_mongo["vault"].keys.count_documents({}) == len(names)
    blob = await keys.encrypt("case:7", b"seven")
    assert await open_again().decrypt(blob) == b"seven"


async def test_keys_of_another_master_are_a_reason_to_wait_and_no_lost_key(
    vault, intake_mongo, tmp_path
):
    keys, _ = vault
    await keys.ensure(["person:a"])
    blob = await keys.encrypt("person:a", b"a")
    (tmp_path / "other.key").write_bytes(os.urandom(96))

    with_another_master = Keys(intake_mongo, "vault", MasterKey.read(tmp_path / "other.key"))

    with pytest.raises(Unavailable):
        await with_another_master.decrypt(blob)


async def test_a_database_that_is_away_is_reported_as_such(vault, tmp_path):
    keys, _ = vault
    await keys.ensure(["person:a"])
    blob = await keys.encrypt("person:a", b"a")
    nowhere = "mongodb://127.0.0.1:9/?directConnection=true"
    async with AsyncMongoClient(nowhere, serverSelectionTimeoutMS=200) as client:
        away = Keys(client, "vault", MasterKey.read(tmp_path / "master.key"))

        with pytest.raises(PyMongoError):
            await away.decrypt(blob)


@pytest.mark.parametrize(
    "junk", [b"", b"x", b"\x01short", *(bytes([first]) for first in range(20)), b"\x02" + b"k" * 16]
)
async def test_other_bytes_are_no_blob(vault, junk):
    keys, _ = vault

    with pytest.raises((NotABlob, KeyDestroyed)):
        await keys.decrypt(Binary(junk, 6))


@pytest.mark.parametrize("first", range(20))
async def test_a_blob_of_another_kind_is_none_of_ours(vault, first):
    keys, _ = vault
    await keys.ensure(["person:a"])
    blob = await keys.encrypt("person:a", b"a")

    if first == blob[0]:
        assert await keys.decrypt(blob) == b"a"
    else:
        with pytest.raises(NotABlob):
            await keys.decrypt(Binary(bytes([first]) + blob[1:], 6))


@pytest.mark.parametrize(
    "damage", ["a byte in the middle", "the last byte", "cut", "nearly all cut"]
)
async def test_a_damaged_blob_is_no_blob_and_no_reason_to_wait(vault, damage):
    keys, open_again = vault
    await keys.ensure(["person:a"])
    blob = bytes(await keys.encrypt("person:a", b"a"))
    damaged = {
        "a byte in the middle": blob[:40] + bytes([blob[40] ^ 1]) + blob[41:],
        "the last byte": blob[:-1] + bytes([blob[-1] ^ 1]),
        "cut": blob[:-1],
        "nearly all cut": blob[:18],
    }[damage]

    for each in (keys, open_again()):
        with pytest.raises(NotABlob):
            await each.decrypt(Binary(damaged, 6))
        assert await each.decrypt(Binary(blob, 6)) == b"a"


def test_a_master_key_is_96_bytes_or_names_a_key_service(tmp_path):
    local, service, wrong = (tmp_path / name for name in ("local", "service", "wrong"))
    local.write_bytes(b"k" * 96)
    service.write_text(
        json.dumps(
            {
                "provider": "kmip",
                "credentials": {"endpoint": "kms.example.org:5696"},
                "key": {"keyId": "7"},
            }
        )
    )
    wrong.write_bytes(b"k" * 95)

    assert MasterKey.read(local).provider == "local"
    assert (MasterKey.read(service).provider, MasterKey.read(service).key) == (
        "kmip",
        {"keyId": "7"},
    )
    assert "kkk" not in repr(MasterKey.read(local))
    for bad in (wrong, tmp_path / "missing"):
        with pytest.raises(ValueError, match=str(bad)):
            MasterKey.read(bad)
