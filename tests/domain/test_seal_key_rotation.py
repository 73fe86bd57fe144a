"""Seal keys in the containers: one more beside the first, the old one retired, and forgotten late."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from deploy.containers import rotate
from deploy.containers.rotate import KEPT, add_seal_key, forget_seal_keys, retire_seal_keys
from services.intake.seal_keys import SealKeyDirectory
from shared.security.sealed_letters import seal

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SealKeyDirectory:
    """The service's own view of the folder, with its first key."""
    monkeypatch.setattr(rotate, "OURS", os.getuid())
    keys = SealKeyDirectory(tmp_path)
    keys.make_first()
    return keys


def published(keys: SealKeyDirectory) -> list[str]:
    return [key["kid"] for key in keys.published()["keys"]]


def test_a_further_key_is_published_beside_the_first(keys: SealKeyDirectory, tmp_path: Path):
    [first] = published(keys)

    second = add_seal_key(tmp_path, NOW)

    assert sorted(published(keys)) == sorted([first, second])


def test_a_retired_key_still_opens_until_it_is_forgotten(keys: SealKeyDirectory, tmp_path: Path):
    [old] = keys.published()["keys"]
    letter = seal(b"{}", old)
    second = add_seal_key(tmp_path, NOW)

    assert retire_seal_keys(tmp_path, TODAY) == [old["kid"]]
    assert published(keys) == [second]
    assert forget_seal_keys(tmp_path, TODAY + KEPT - timedelta(days=1)) == []
    assert keys.opening().open(letter) == b"{}"
    assert forget_seal_keys(tmp_path, TODAY + KEPT) == [old["kid"]]
    assert published(keys) == [second]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_only_key_is_not_retired(keys: SealKeyDirectory, tmp_path: Path):
    with pytest.raises(ValueError, match="add a second one first"):
        retire_seal_keys(tmp_path, TODAY)

    assert len(published(keys)) == 1
    assert forget_seal_keys(tmp_path, TODAY + 2 * KEPT) == []
