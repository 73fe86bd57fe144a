"""The credentials file of the partner that a command acts for: read, written and found."""

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
        help="The partner to act as: its credentials are here in ID.credentials.json, "
        "or in partners/ of SAMRAAD_HOME.",
    ),
]
CredentialsFile = Annotated[
    Path | None,
    typer.Option("--credentials", metavar="FILE", help="The partner's credentials file."),
]


class CredentialsWrong(ValueError):
    """The file holds no partner's credentials; the message names the file."""


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
            document = json.loads(file.read_text(encoding="utf-8"))
            found = cls(
                partner=str(document["partner"]),
                kafka={str(name): str(value) for name, value in document["kafka"].items()},
                group_prefix=str(document["group_prefix"]),
                topics={name: str(document["topics"][name]) for name in ("reports", "replies")},
                jwks_url=str(document["jwks_url"]),
                http=dict(document.get("http") or {}),
            )
            _ = found.kafka["bootstrap.servers"]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CredentialsWrong(f"{file} holds no partner's credentials.") from None
        return found

    def write(self) -> str:
        """Return the text of the file."""
        document = {
            "partner": self.partner,
            "kafka": dict(self.kafka),
            "group_prefix": self.group_prefix,
            "topics": dict(self.topics),
            "jwks_url": self.jwks_url,
            "http": dict(self.http),
        }
        return json.dumps(document, indent=1) + "\n"


def kept_by_the_stack(home: Home, partner: str) -> Path:
    """Return the file with the credentials of a partner that the stack itself plays."""
    return home.root / "partners" / f"{partner}{SUFFIX}"


def known_places(partner: str) -> Iterator[Path]:
    """Yield the files in which a partner's credentials are searched."""
    yield Path(f"{partner}{SUFFIX}")
    yield kept_by_the_stack(Home.from_environment(), partner)


def find(as_id: str | None, file: Path | None) -> Credentials:
    """Find the credentials that the caller named, or end the command."""
    if as_id is not None and file is not None:
        stop("Give --as or --credentials, not both.", Exit.WRONG_USE)
    if file is not None:
        return _read(file)
    if as_id is None:
        stop("Give a partner: --as ID or --credentials FILE.", Exit.WRONG_USE)
    if not PARTNER_ID.match(as_id):
        stop("A partner's id is 2 to 40 small letters, digits and hyphens.", Exit.WRONG_USE)
    place = next((place for place in known_places(as_id) if place.exists()), None)
    if place is None:
        places = " or ".join(str(place) for place in known_places(as_id))
        stop(
            f"There are no credentials of {as_id} in {places}: make them with "
            f"`samraad partner add {as_id} …`, or give the file with --credentials.",
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
