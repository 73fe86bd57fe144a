"""`samraad emit`: sends reports as a partner does, and shows the receipts."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import httpx
import typer
from confluent_kafka import KafkaError, Message
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.identity import As, Credentials, CredentialsFile, find
from cli.letterbox import Answer, Letterbox, Replies, fetch_key
from cli.letters import Letter, Sender, read_letters
from cli.reach import AsJson, Exit, Running, print_json, say, stop
from cli.receipts import add_answer, answers_table
from deploy.embedded.paths import Home
from deploy.embedded.ports import read_ports
from shared.contracts.processes import PartnerKind
from shared.contracts.references import case_reference
from shared.security.sealed_letters import SealRefused, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["app"]

app = typer.Typer()

MANY = 10
"""The number of reports from which on a progress bar is shown."""
LISTED = 50
"""Above this number, accepted reports are only counted; the others are listed."""


@dataclass
class Post:
    """The outcome of one sending."""

    answers: list[Answer] = field(default_factory=list)
    undelivered: list[Letter] = field(default_factory=list)
    unanswerable: list[Letter] = field(default_factory=list)
    """Accepted by the broker, but no receipt can name them: intake sets them aside."""
    unanswered: Counter[str] = field(default_factory=Counter)


SENDING = (
    "Send reports as a partner: check, seal, send, and show the receipts.\n\n"
    "Ends with 0 when all were accepted, 4 when one was rejected (if that is known before, nothing "
    "is sent), 1 when one was not answered in time, or never can be. Without --as and "
    "--credentials it sends as the one partner that the reports name."
)


@app.command(help=SENDING)
def emit(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-", help="One report as JSON, or one a line; - is standard input."
        ),
    ],
    as_id: As = None,
    credentials_file: CredentialsFile = None,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Also send reports that will be rejected.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the receipts.")] = True,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long to wait for receipts.")
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Check, seal and send the reports, wait, and show the receipts."""
    letters = _given(file)
    credentials = find(_sending_partner(letters, as_id, credentials_file), credentials_file)
    sender = _sender(credentials.partner)
    if not unchecked:
        _check(letters, sender, as_json=as_json)
    elif any(letter.reference is None for letter in letters):
        say("A report whose reference cannot be read, or must stay sealed, is sent without one.")
    key = fetch_key(credentials.jwks_url)
    try:
        sealed = [(letter, seal(letter.opened, key)) for letter in letters]
    except SealRefused as refused:
        stop(refused.message, Exit.REJECTED)
    post = _send(credentials, sealed, timeout if wait else None, as_json=as_json)
    _report(post, letters, wait=wait, as_json=as_json)


def _given(file: str) -> list[Letter]:
    try:
        given = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        stop(f"{file} cannot be read: {error.strerror}.", Exit.WRONG_USE)
    letters = read_letters(given)
    if not letters:
        stop(f"{file} holds no report.", Exit.WRONG_USE)
    return letters


def _sending_partner(
    letters: Sequence[Letter], as_id: str | None, credentials_file: Path | None
) -> str | None:
    """Return the partner to send as: the given one, else the one that all reports name."""
    if as_id is not None or credentials_file is not None:
        return as_id
    named = {letter.partner for letter in letters}
    partner = named.pop()
    if named or partner is None:
        stop(
            "The reports do not all name one partner: give --as ID or --credentials FILE.",
            Exit.WRONG_USE,
        )
    return partner


def _sender(partner: str) -> Sender:
    """Ask intake for the partner's registration, if this is the operator's machine."""
    home = Home.from_environment()
    ports = read_ports(home)
    if not ports:
        return Sender(partner)
    try:
        answer = Running(home, ports).ask("intake", "GET", f"/partners/{partner}")
    except (httpx.TransportError, OSError):
        return Sender(partner)
    if not answer.is_success:
        return Sender(partner)
    registration = answer.json()
    kind = PartnerKind(registration["kind"])
    return Sender(partner, kind, tuple(registration["municipalities"]))


def _check(letters: Sequence[Letter], sender: Sender, *, as_json: bool) -> None:
    """End with 4 and the errors if a report would be rejected; nothing is sent then."""
    now = datetime.now(UTC)
    faulty = [(letter, faults) for letter in letters if (faults := letter.faults(sender, now))]
    if not faulty:
        return
    table = answers_table()
    for letter, faults in faulty:
        errors = [fault.model_dump() for fault in faults]
        if as_json:
            print_json(_unsent(letter, "not_sent", errors))
        add_answer(table, (letter.name, "not sent", ""), errors)
    if not as_json:
        Console().print(table)
    say("Nothing was sent. Correct it, or send it as it is with --unchecked.")
    if any(letter.partner not in (None, sender.partner) for letter, _ in faulty):
        say(f"A report of another partner is not sent as {sender.partner}: use --as.")
    raise typer.Exit(Exit.REJECTED)


def _send(
    credentials: Credentials,
    sealed: Sequence[tuple[Letter, bytes]],
    wait_for: float | None,
    *,
    as_json: bool,
) -> Post:
    """Send all letters in order; then wait for one answer per letter, if `wait_for` is given."""
    box, post = Letterbox(credentials), Post()
    box.greet()
    replies = Replies(credentials) if wait_for is not None else None
    bar = _bar(shown=len(sealed) >= MANY and not as_json)
    wanted: Counter[str] = Counter()
    with bar:
        sending = bar.add_task("Sending", total=len(sealed))
        for letter, value in sealed:

            def done(error: KafkaError | None, _: Message, letter: Letter = letter) -> None:
                bar.advance(sending)
                if error is not None:
                    post.undelivered.append(letter)
                elif letter.reference is None or not letter.is_answerable:
                    post.unanswerable.append(letter)
                else:
                    wanted[letter.reference] += 1

            box.post(value, letter.reference, done)
            box.serve()
        box.close()
        if replies is not None and wait_for is not None:
            waiting = bar.add_task("Receipts", total=wanted.total())
            for answer in replies.until(wanted, wait_for):
                bar.advance(waiting)
                post.answers.append(answer)
                if as_json:
                    print_json(answer.as_document())
            post.unanswered = wanted - Counter(answer.reference for answer in post.answers)
            replies.close()
    return post


def _report(post: Post, letters: Sequence[Letter], *, wait: bool, as_json: bool) -> None:
    """Show the outcome, and end with its exit code."""
    if as_json:
        for letter in post.undelivered:
            print_json(_unsent(letter, "not_delivered", []))
        for letter in post.unanswerable:
            print_json(_unsent(letter, "unanswered", _why_unanswerable(letter)))
        for reference in post.unanswered.elements():
            print_json({"reference": reference, "status": "unanswered"})
    else:
        _show(post, letters)
    if post.unanswerable:
        say(
            f"{len(post.unanswerable)} of {len(letters)} letters get no receipt: intake sets a letter "
            "aside for the operator if its receipt could not repeat the reference."
        )
    if not wait and not post.undelivered:
        say(f"{len(letters)} sent; `samraad receipts` shows the answers.")
    if post.undelivered or post.unanswerable or post.unanswered:
        raise typer.Exit(Exit.FAILED)
    if any(answer.status == "rejected" for answer in post.answers):
        raise typer.Exit(Exit.REJECTED)


def _show(post: Post, letters: Sequence[Letter]) -> None:
    processes = {letter.reference: letter.process for letter in letters}
    table = answers_table()
    accepted = [answer for answer in post.answers if answer.status == "accepted"]
    if len(accepted) > LISTED:
        Console().print(f"{len(accepted)} were accepted.", highlight=False)
    for answer in post.answers:
        if answer.status == "accepted" and len(accepted) > LISTED:
            continue
        process = processes.get(answer.reference)
        name = case_reference(process, UUID(answer.case_id)) if answer.case_id else ""
        add_answer(table, (answer.reference, answer.status, answer.case_shown(name)), answer.errors)
    for reference in post.unanswered.elements():
        add_answer(table, (reference, "no receipt yet", ""))
    for letter in post.unanswerable:
        add_answer(table, (letter.name, "cannot be answered", ""), _why_unanswerable(letter))
    for letter in post.undelivered:
        add_answer(table, (letter.name, "not accepted by the broker", ""))
    if table.row_count:
        Console().print(table)


def _why_unanswerable(letter: Letter) -> list[dict[str, Any]]:
    """Return the errors of its reference, or why it cannot be read."""
    faults = letter.faults(Sender(letter.partner or ""), datetime.now(UTC))
    return [fault.model_dump() for fault in faults if fault.field in ("", "/reference")]


def _unsent(letter: Letter, status: str, errors: "Sequence[Mapping[str, Any]]") -> dict[str, Any]:
    return {
        "reference": letter.reference,
        "line": letter.line,
        "status": status,
        "errors": list(errors),
    }


def _bar(*, shown: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not shown or not console.is_terminal,
    )
