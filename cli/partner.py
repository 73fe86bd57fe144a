"""`samraad partner`: adds partners, which may send reports, and lists them.

Adding has three steps, and each may be done already: the registration at intake, the login and
rights on the broker, and the credentials file. So the same command completes a partial add, and
leaves a complete one as it is.
"""

import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from confluent_kafka import KafkaError, KafkaException
from rich.console import Console
from rich.table import Table

from cli.identity import SUFFIX, Credentials, CredentialsWrong, known_places
from cli.reach import AsJson, Exit, Running, kafka_admin, print_json, reach, say, stop
from cli.registration import Registered, codes_in, named, register
from deploy.broker import Broker
from deploy.embedded.credentials import new_password
from deploy.embedded.paths import write_private
from deploy.topics import TopicsNotReady, apply_partner
from shared.contracts.places import MUNICIPALITIES
from shared.contracts.processes import PartnerKind
from shared.contracts.references import PARTNER_ID
from shared.contracts.topics import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka.admin import AdminClient

__all__ = ["Added", "admit", "app", "wait_until_read"]

READING_SECONDS = 45.0
"""Seconds until intake must read a new topic."""
_PAUSE = 0.1
_NOT_AUTHORISED = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    }
)

ADDING = (
    "Let a partner send reports, and write its one credentials file.\n\n"
    "Registers it at intake, makes its login, rights and topics on the broker, writes the file "
    "(readable by you alone) and returns when intake reads the new topic. Run again, it completes "
    "a partial add. The password stays as long as its file is found; otherwise a new one is made "
    "and the old one becomes invalid. The municipalities stay as well, unless "
    "--change-municipalities is given.\n\n"
    "The file's http part is for the HTTP interface, which is not available yet: its client secret "
    "is registered at intake and will be valid then."
)

app = typer.Typer(
    no_args_is_help=True,
    help="Partners: add an authority that may send reports, list them.",
    rich_markup_mode="markdown",
)


@dataclass(frozen=True, slots=True)
class Added:
    """A partner that may send."""

    credentials: Credentials
    file: Path
    is_password_new: bool
    registered: Registered


@app.command("add", help=ADDING)
def add(
    partner: Annotated[str, typer.Argument(metavar="ID", help="Such as school-vejle.")],
    kind: Annotated[PartnerKind, typer.Option(help="The kind of authority.")],
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    municipality: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE…",
            help="Kommunekode of a municipality it works for; may be repeated. "
            "Without it: the whole district, or what is registered.",
        ),
    ] = None,
    change: Annotated[
        bool,
        typer.Option(
            "--change-municipalities",
            help="Replace the municipalities of a registered partner (none: the whole district).",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help=f"Where to write its credentials; ./ID{SUFFIX} by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register, make login, rights and topics, write the file, wait until intake reads."""
    if not PARTNER_ID.match(partner):
        stop("A partner's id is 2 to 40 small letters, digits and hyphens.", Exit.WRONG_USE)
    codes = codes_in([*(municipality or []), *(more or [])])
    file = _target(out, partner)
    running = reach()
    admin = kafka_admin(running.kafka("admin"))
    added = admit(running, admin, partner, kind, codes, file, change=change)
    registered = added.registered
    late = wait_until_read(running, [partner])
    if as_json:
        print_json(
            {
                "partner": partner,
                "kind": kind.value,
                "municipalities": registered.municipalities,
                "municipalities_before": registered.before,
                "credentials": str(added.file),
                "password": "new" if added.is_password_new else "kept",
                "reading": not late,
            }
        )
    if late:
        stop("intake does not read the new topic yet: run this again.", Exit.FAILED)
    if not as_json:
        password = "a new password" if added.is_password_new else "the password it had"
        say(f"{partner} may send. Its credentials, with {password}, are in {added.file}.")
        if registered.before is not None:
            now, before = named(registered.municipalities), named(registered.before)
            say(f"It works for {now} now (before: {before}).")


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """List the partners that may send reports."""
    partners: list[dict[str, Any]] = reach().request("intake", "GET", "/partners")
    if as_json:
        print_json(partners, indent=1)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("Partner", no_wrap=True)
    for column in ("Kind", "Municipalities", "Status", "Since"):
        table.add_column(column, overflow="fold")
    for one in partners:
        places = ", ".join(MUNICIPALITIES[code].name for code in one["municipalities"])
        since = datetime.fromisoformat(one["added_at"]).astimezone()
        table.add_row(
            one["id"],
            one["kind"],
            places or "the whole district",
            one["status"],
            f"{since:%Y-%m-%d %H:%M}",
        )
    Console().print(table)


def admit(
    running: Running,
    admin: "AdminClient",
    partner: str,
    kind: PartnerKind,
    municipalities: Sequence[str],
    file: Path,
    *,
    change: bool = False,
) -> Added:
    """Register a partner, make its login, rights and topics, and write its file.

    Each step may be done already. Ends the command if the broker or intake refuses, or if the
    partner has other municipalities than these (none: keep them) and `change` is false.
    """
    before = _known(partner, file)
    password = before.kafka.get("sasl.password") if before else None
    secret = before.http.get("client_secret") if before else None
    credentials = _credentials(
        running, partner, password or new_password(), secret or secrets.token_urlsafe(32)
    )
    registered = register(running, credentials, kind, municipalities, change=change)
    try:
        apply_partner(admin, partner, credentials.kafka["sasl.password"])
    except KafkaException as error:
        if error.args[0].code() != KafkaError.SECURITY_DISABLED:
            code = Exit.REFUSED if error.args[0].code() in _NOT_AUTHORISED else Exit.FAILED
            stop(f"The broker did not make {partner}'s login, rights and topics: {error}", code)
        _make_topics(admin, credentials)
    except TopicsNotReady as error:
        stop(f"{error} Run this again.", Exit.FAILED)
    _keep(file, credentials)
    return Added(credentials, file, is_password_new=password is None, registered=registered)


def _make_topics(admin: "AdminClient", credentials: Credentials) -> None:
    """Make a partner's topics on a broker without access control, and print what that means."""
    say(
        "This broker has no access control: one partner can read another's replies and send in "
        "its name."
    )
    broker = Broker(admin)
    there = broker.partitions()
    wanted = [
        topic for topic in load().partner_topics(credentials.partner) if topic.name not in there
    ]
    try:
        if wanted:
            broker.create(wanted)
        if credentials.kafka["security.protocol"].startswith("SASL"):
            broker.set_password(
                credentials.kafka["sasl.username"], credentials.kafka["sasl.password"]
            )
    except KafkaException as error:
        stop(f"The broker did not make {credentials.partner}'s topics: {error}", Exit.FAILED)


def wait_until_read(running: Running, partners: "Iterable[str]") -> list[str]:
    """Wait until intake reads these partners' topics; return the late ones."""
    waiting = list(partners)
    until = time.monotonic() + READING_SECONDS
    while True:
        waiting = [
            partner
            for partner in waiting
            if not running.request("intake", "GET", f"/partners/{partner}").get("reading")
        ]
        if not waiting or time.monotonic() > until:
            return waiting
        time.sleep(_PAUSE)


def _target(out: Path | None, partner: str) -> Path:
    """Return the file to write, after a check that it can be written."""
    name = f"{partner}{SUFFIX}"
    file = Path(name) if out is None else out / name if out.is_dir() else out
    if not os.access(file.absolute().parent, os.W_OK):
        stop(f"{file.absolute().parent} cannot be written to.", Exit.WRONG_USE)
    if file.exists() and _read(file, partner) is None:
        stop(
            f"{file} holds something else than {partner}'s credentials: give another with --out.",
            Exit.REFUSED,
        )
    return file


def _known(partner: str, file: Path) -> Credentials | None:
    places = (file, *known_places(partner))
    return next((found for place in places if (found := _read(place, partner))), None)


def _read(file: Path, partner: str) -> Credentials | None:
    try:
        found = Credentials.read(file)
    except (OSError, CredentialsWrong):
        return None
    return found if found.partner == partner else None


def _credentials(running: Running, partner: str, password: str, secret: str) -> Credentials:
    """Return the content of the file with the current addresses: ports may have changed."""
    declared = load()
    broker = running.kafka("admin")
    web = running.partners_web
    return Credentials(
        partner=partner,
        kafka={
            "bootstrap.servers": running.partners_kafka,
            "security.protocol": broker.get("security.protocol", "PLAINTEXT"),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": declared.partner_user(partner),
            "sasl.password": password,
        },
        group_prefix=f"partner.{partner}.",
        topics={
            "reports": f"partner.{partner}.reports",
            "replies": f"partner.{partner}.replies",
        },
        jwks_url=f"{web}/.well-known/jwks.json",
        http={
            "base_url": web,
            "token_url": f"{web}/oauth/token",
            "client_id": partner,
            "client_secret": secret,
        },
    )


def _keep(file: Path, credentials: Credentials) -> None:
    text = credentials.write()
    try:
        if file.exists() and file.read_text(encoding="utf-8") == text:
            file.chmod(0o600)
        else:
            write_private(file.absolute(), text)
    except OSError as error:
        stop(f"{file} could not be written ({error.strerror}): run this again.", Exit.FAILED)
