"""Gives a secret a new value, or partners a further seal key, and distributes what has changed.

    python -m deploy.containers.rotate NAME
    python -m deploy.containers.rotate seal [retire | forget]

NAME is a user of broker and database (`admin`, or a service by its name): `settle` then sets the
passwords; `broker` (the user that the broker itself logs in as: `settle` too);
`replica-set` (the key file); `session`, `signing`, `operator` or `tokens` (sessions of staff, the keys
that services sign with, the operator's tokens, the tokens by which services ask intake). A container
takes its new files at its next start. After `signing` the public keys before stay beside the new ones,
so nobody notices; a second run removes them.

`seal` adds a key to those that open letters, `seal retire` takes all but the newest out
of what partners fetch, `seal forget` removes those that were retired at least `KEPT` ago. They take
effect without a restart. Keys that wrap or make what is stored are rotated by nothing here.
"""

import json
import os
import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from deploy.containers.deal import OURS, Places, deal, make
from deploy.embedded import credentials
from deploy.embedded.paths import write_private
from shared.security.sealed_letters import new_seal_key

__all__ = ["KEPT", "add_seal_key", "forget_seal_keys", "main", "retire_seal_keys", "rotate"]

KEPT: Final = timedelta(days=15)
"""How long a retired seal key still opens what was sealed to it (services/intake/seal_keys.py)."""
USERS: Final = ("admin", *credentials.SERVICES)
FILES: Final = {
    "broker": ("kafka/controller.password",),
    "replica-set": ("mongo/replica-set.key",),
    "session": ("session.secret",),
    "operator": tuple(f"operator-tokens/{name}" for name in credentials.SERVICES),
    "signing": tuple(f"{name}/signing.key" for name in credentials.SERVICES),
    "tokens": tuple(f"service-tokens/{name}" for name in credentials.TOKEN_SERVICES),
}
_RETIRED: Final = "retired_at"


def rotate(places: Places, name: str) -> None:
    """Make new values of one name in the vault; raises ValueError for a name that cannot be rotated.

    The administrator's old password stays beside the new one until `settle` has used it.
    """
    if name not in (*USERS, *FILES):
        raise ValueError(f"{name} is none of these: {', '.join((*USERS, *FILES, 'seal'))}.")
    given = [one for one in ("kafka.json", "mongo.uri") if (places.given / one).exists()]
    if name == "admin" and given:
        raise ValueError(f"The administrator's login was given: change given/{given[0]}.")
    home = places.home
    logins = [credentials.kafka_file(home, name), credentials.mongo_file(home, name)]
    for file in logins if name in USERS else [home.secrets / one for one in FILES[name]]:
        if name == "admin" and file.exists():
            shutil.copy2(file, file.with_suffix(f"{file.suffix}.before"))
        file.unlink(missing_ok=True)
    make(places)


def add_seal_key(folder: Path, now: datetime) -> str:
    """Add a key to the others; return its id."""
    key = new_seal_key()
    file = folder / f"{now:%Y-%m-%d}-{str(key['kid'])[:8]}.json"
    _write(file, key)
    return str(key["kid"])


def retire_seal_keys(folder: Path, today: date) -> list[str]:
    """Take all but the newest out of what partners fetch; gives their ids.

    Raises ValueError where there is only one key.
    """
    in_use = [file for file in folder.glob("*.json") if not _day(file)]
    if len(in_use) < 2:  # noqa: PLR2004 - the one that retires and the one that stays
        raise ValueError("There is one seal key in use: add a second one first (`seal`).")
    *older, _newest = sorted(in_use, key=lambda file: file.stat().st_mtime_ns)
    retired = []
    for file in older:
        key = json.loads(file.read_text())
        _write(file, {**key, _RETIRED: today.isoformat()})
        retired.append(str(key["kid"]))
    return retired


def forget_seal_keys(folder: Path, today: date) -> list[str]:
    """Remove the keys that were retired at least `KEPT` ago; gives their ids."""
    forgotten = []
    for file in sorted(folder.glob("*.json")):
        day = _day(file)
        if day and date.fromisoformat(day) <= today - KEPT:
            forgotten.append(str(json.loads(file.read_text())["kid"]))
            file.unlink()
    return forgotten


def _day(file: Path) -> str:
    return str(json.loads(file.read_text()).get(_RETIRED, ""))


def _write(file: Path, key: dict[str, Any]) -> None:
    """Write a key that intake alone reads; it may look at any moment, so all of it comes at once."""
    draft = file.with_suffix(".new")
    write_private(draft, json.dumps(key))
    os.chown(draft, OURS, OURS)
    draft.replace(file)


def main(arguments: list[str]) -> int:
    """Rotate; what cannot be is one sentence, and wrong use exit code 2."""
    places, now = Places.read(os.environ), datetime.now(UTC)
    seal = places.dealt / "seal"
    try:
        match arguments:
            case ["seal"]:
                message = f"A further seal key: {add_seal_key(seal, now)}."
            case ["seal", "retire"]:
                message = f"Retired: {', '.join(retire_seal_keys(seal, now.date()))}."
            case ["seal", "forget"]:
                gone = forget_seal_keys(seal, now.date())
                message = f"Removed: {', '.join(gone) or 'none was retired long enough ago'}."
            case [name]:
                rotate(places, name)
                deal(places)
                message = "Each container has its secrets."
            case _:
                sys.stderr.write("Use: deploy.containers.rotate NAME | seal [retire | forget]\n")
                return 2
    except ValueError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    sys.stdout.write(f"{message}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
