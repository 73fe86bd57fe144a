import json
import os
import stat

import pytest

from services.intake.seal_keys import SealKeyDirectory
from shared.errors import Unavailable
from shared.security.sealed_letters import SealKeys, SealRefused, new_seal_key, seal
from tests.edge.intake_world import accepted


def test_the_first_seal_key_is_made_once_and_for_its_owner_alone(tmp_path):
    one, other = SealKeyDirectory(tmp_path / "seal"), SealKeyDirectory(tmp_path / "seal")

    one.make_first()
    other.make_first()

    (file,) = (tmp_path / "seal").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert one.published() == other.published()


def test_during_a_rotation_both_keys_open_and_the_retired_one_is_not_given_out(tmp_path):
    keys = SealKeyDirectory(tmp_path)
    keys.make_first()
    (old,) = keys.published()["keys"]
    letter = seal(b'{"a": 1}', old)

    new = new_seal_key()
    (tmp_path / "second.json").write_text(json.dumps(new))
    assert {key["kid"] for key in keys.published()["keys"]} == {old["kid"], new["kid"]}
    assert keys.opening().open(letter) == b'{"a": 1}'

    first = json.loads((tmp_path / "first.json").read_text())
    (tmp_path / "first.json").write_text(json.dumps(first | {"retired_at": "2026-11-24"}))
    assert [key["kid"] for key in keys.published()["keys"]] == [new["kid"]]
    assert keys.opening().open(letter) == b'{"a": 1}'

    (tmp_path / "first.json").unlink()
    with pytest.raises(SealRefused):
        keys.opening().open(letter)
    assert isinstance(keys.opening(), SealKeys)


async def test_a_broken_file_among_the_seal_keys_takes_nothing_away(intake):
    record = intake.record()
    (intake.directory / "seal" / "half-written.json").write_text("{")

    assert len(accepted(await intake.arrive(record))) == 1
    assert len(intake.seal_keys.published()["keys"]) == 1


def test_a_seal_key_that_could_not_be_read_is_tried_again_though_its_file_is_as_it_was(tmp_path):
    keys = SealKeyDirectory(tmp_path)
    keys.make_first()
    (old,) = keys.published()["keys"]
    new, elsewhere, link = new_seal_key(), tmp_path / "elsewhere", tmp_path / "second.json"
    elsewhere.write_text("{" + " " * 500)
    link.symlink_to(elsewhere)
    assert keys.published()["keys"] == [old]

    before = elsewhere.stat()
    elsewhere.write_text(json.dumps(new))
    os.utime(elsewhere, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert {key["kid"] for key in keys.published()["keys"]} == {old["kid"], new["kid"]}
    assert keys.opening().open(seal(b"{}", new)) == b"{}"


@pytest.mark.parametrize("wrong", [{"x": 5}, {"x": "AAAA"}, {"key_ops": ["sing"]}, {"alg": 7}])
def test_a_key_that_is_none_takes_nothing_away_either(tmp_path, wrong):
    keys = SealKeyDirectory(tmp_path)
    keys.make_first()
    before = keys.published()

    (tmp_path / "second.json").write_text(json.dumps(new_seal_key() | wrong))

    assert keys.published() == before


def test_what_else_is_in_a_key_file_is_not_published(tmp_path):
    more = {"key_ops": ["deriveKey"], "note": "in the safe of the second floor", "p": "x", "q": "y"}
    (tmp_path / "first.json").write_text(json.dumps(new_seal_key() | more))

    (key,) = SealKeyDirectory(tmp_path).published()["keys"]

    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


async def test_without_any_seal_key_that_can_be_read_letters_wait(intake):
    record = intake.record()
    for file in (intake.directory / "seal").iterdir():
        file.write_text("{")
    intake.reader._seal_keys = SealKeyDirectory(intake.directory / "seal")

    with pytest.raises(Unavailable, match=r"first\.json"):
        await intake.arrive(record)
