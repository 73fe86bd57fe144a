"""As whom a command speaks: a partner's credentials file, read, written and found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import typer

from cli.reach import Exit, stop
from deploy.embedded.paths import Home
from shared.contracts.references import PARTNER_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "SUFFIX",
    "As",
    "Credentials",
    "CredentialsFile",
    "CredentialsWrong",
    "find",
    "kept_by_the_stack",
    "known_places",
]

SUFFIX: Final = ".credentials.json"

As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="ID",
        help="The partner to speak as: its credentials lie here as ID.credentials.json, "
        "or in partners/ of SAMRAAD_HOME.",
    ),
]
CredentialsFile = Annotated[
    Path | None,
    typer.Option("--credentials", metavar="FILE", help="The partner's credentials file."),
]


class CredentialsWrong(ValueError):
    """The file holds no partner's credentials; the sentence says what is missing."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A partner's credentials file, as `samraad partner add` writes it (docs/partners.md)."""

    partner: str
    kafka: Mapping[str, str]
    group_prefix: str
    topics: Mapping[str, str]
    jwks_url: str
    http: Mapping[str, Any]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a file; raises OSError and `CredentialsWrong`."""
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            found = cls(
                partner=str(told["partner"]),
                kafka={str(name): str(value) for name, value in told["kafka"].items()},
                group_prefix=str(told["group_prefix"]),
                topics={name: str(told["topics"][name]) for name in ("reports", "replies")},
                jwks_url=str(told["jwks_url"]),
                http=dict(told.get("http") or {}),
            )
            _ = found.kafka["bootstrap.servers"]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CredentialsWrong(f"{file} holds no partner's credentials.") from None
        return found

    def write(self) -> str:
        """Write it as the file has it."""
        told = {
            "partner": self.partner,
            "kafka": dict(self.kafka),
            "group_prefix": self.group_prefix,
            "topics": dict(self.topics),
            "jwks_url": self.jwks_url,
            "http": dict(self.http),
        }
        return json.dumps(told, indent=1) + "\n"


def kept_by_the_stack(home: Home, partner: str) -> Path:
    """Name the file in which a stack keeps the credentials of a partner that it speaks as itself."""
    return home.root / "partners" / f"{partner}{SUFFIX}"


def known_places(partner: str) -> Iterator[Path]:
    """Name the places where a partner's credentials are looked for."""
    yield Path(f"{partner}{SUFFIX}")
    yield kept_by_the_stack(Home.from_environment(), partner)


def find(as_id: str | None, file: Path | None) -> Credentials:
    """Find the credentials that the caller named, or end the command."""
    if as_id is not None and file is not None:
        stop("Give --as or --credentials, not both.", Exit.WRONG_USE)
    if file is not None:
        return _read(file)
    if as_id is None:
        stop("Say as whom: --as ID or --credentials FILE.", Exit.WRONG_USE)
    if not PARTNER_ID.match(as_id):
        stop("A partner's id is 2 to 40 small letters, digits and hyphens.", Exit.WRONG_USE)
    place = next((place for place in known_places(as_id) if place.exists()), None)
    if place is None:
        places = " or ".join(str(place) for place in known_places(as_id))
        stop(
            f"There are no credentials of {as_id} in {places}: make them with "
            f"`samraad partner add {as_id} …`, or name the file with --credentials.",
            Exit.WRONG_USE,
        )
    found = _read(place)
    if found.partner != as_id:
        stop(f"{place} holds the credentials of another partner.", Exit.WRONG_USE)
    return found


def _read(file: Path) -> Credentials:
    try:
        return Credentials.read(file)
    except OSError as error:
        stop(f"{file} cannot be read: {error.strerror}.", Exit.WRONG_USE)
    except CredentialsWrong as error:
        stop(str(error), Exit.WRONG_USE)
