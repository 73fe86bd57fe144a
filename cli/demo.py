"""`samraad demo`: invented partners that send reports continuously, like real ones.

Some reports are wrong and some arrive twice, as in practice. If the broker is away, the demo waits
and sends again what was not accepted.
"""

import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Annotated, Any, Final

import httpx
import typer
from confluent_kafka import KafkaError, KafkaException, Message

from cli.identity import kept_by_the_stack
from cli.invention import Inventor
from cli.letterbox import Letterbox, seal_key
from cli.mistakes import with_a_mistake
from cli.partner import Added, admit, wait_until_read
from cli.reach import Exit, Running, kafka_admin, reach, say, stop
from deploy.embedded.paths import CLONE
from shared.contracts.processes import PartnerKind, Process
from shared.security.sealed_letters import seal

__all__ = ["app"]

app = typer.Typer()

EXAMPLES: Final = CLONE / "examples"
KINDS_OF_REPORT: Final[tuple[Process | None, ...]] = (*Process, None)
"""Every process of the district, and reports that leave the choice to triage."""
_OFTEN: Final = (*KINDS_OF_REPORT, *[Process.MEDIATION] * 4, *[Process.PSP] * 2)
"""What the demo draws from: mostly processes that a service runs, so that cases can be followed."""
WRONG, TWICE, CHANGED = 1 / 8, 1 / 10, 1 / 40
"""The shares of reports that are wrong, repeated, or repeated with another content."""

_PATIENCE: Final = 120.0
"""Seconds until intake must have started."""
_KEY_FOR: Final = 300.0
"""Seconds after which the sealing key is fetched again."""
_PAUSE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Partner:
    """An invented authority that may send."""

    id: str
    kind: PartnerKind
    municipalities: tuple[str, ...]
    added: Added


@dataclass(frozen=True, slots=True)
class Draft:
    """A report to be sent, with a remark if it is not a normal one."""

    partner: Partner
    report: dict[str, Any]
    remark: str = ""

    @property
    def reference(self) -> str:
        """The report's reference."""
        return str(self.report["reference"])


@app.command()
def demo(
    rate: Annotated[
        float, typer.Option(min=0.1, metavar="N", help="Reports per minute, on average.")
    ] = 12.0,
    count: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="End after N reports.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="One report of each kind at once, then end.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="The same seed gives the same reports.")
    ] = None,
) -> None:
    """Add invented partners, one of each kind, that send reports about invented people.

    The first start sends one report of each kind at once, so that the pages show something.
    """
    running = reach()
    _wait_for_intake(running)
    dice = Random(seed)  # noqa: S311 - nothing here is secret
    is_first = not any((running.home.root / "partners").glob("*.json"))
    partners = _partners(running)
    drafts = Drafts(partners, Inventor(EXAMPLES, dice), dice)
    post = PostOffice(partners[0].added.credentials.jwks_url)
    try:
        if once or is_first:
            post.send_all(drafts.one_of_each())
        if not once:
            for sent, draft in enumerate(drafts.for_ever(), 1):
                post.send_all([draft])
                if sent == count:
                    break
                time.sleep(dice.uniform(0.5, 1.5) * 60 / rate)
    except KeyboardInterrupt:
        say("The demo ends; what it sent stays.")


class Drafts:
    """Invents the reports of the partners."""

    def __init__(self, partners: Sequence[Partner], inventor: Inventor, dice: Random) -> None:
        self._by_kind = {partner.kind.value: partner for partner in partners}
        self._inventor = inventor
        self._dice = dice

    def one_of_each(self) -> Iterator[Draft]:
        """Yield one report of each kind, a wrong one, and one that is repeated."""
        for process in KINDS_OF_REPORT:
            yield self._right(process)
        yield self._wrong(Process.MEDIATION)
        again = self._right(Process.CONCERN)
        yield from (again, self._again(again))

    def for_ever(self) -> Iterator[Draft]:
        """Yield reports of all kinds without end; some are wrong or repeated."""
        while True:
            process = self._dice.choice(_OFTEN)
            if self._dice.random() < WRONG:
                yield self._wrong(process)
                continue
            draft = self._right(process)
            yield draft
            what = self._dice.random()
            if what < TWICE:
                yield self._again(draft)
            elif what < TWICE + CHANGED:
                changed = {**draft.report, "text": "Rettet tekst under en brugt reference."}
                yield Draft(draft.partner, changed, "changed under a used reference")

    def _right(self, process: Process | None) -> Draft:
        kind, example = self._inventor.example(process, self._by_kind)
        partner = self._by_kind[kind]
        report = self._inventor.report(
            example,
            partner=partner.id,
            municipalities=partner.municipalities,
            now=datetime.now(UTC),
        )
        return Draft(partner, report)

    def _wrong(self, process: Process | None) -> Draft:
        draft = self._right(process)
        wrong = with_a_mistake(draft.report, draft.partner.kind, self._dice)
        return Draft(draft.partner, wrong, "with a mistake")

    def _again(self, draft: Draft) -> Draft:
        return Draft(draft.partner, draft.report, "again, as it was")


class PostOffice:
    """Sends each partner's reports with its own login, until the broker has accepted them."""

    def __init__(self, jwks_url: str) -> None:
        self._jwks_url = jwks_url
        self._key: tuple[float, dict[str, Any]] | None = None
        self._boxes: dict[str, Letterbox] = {}

    def send_all(self, drafts: "Iterator[Draft] | Sequence[Draft]") -> None:
        """Send these in order; return once all are accepted."""
        waiting = deque(drafts)
        while waiting:
            if self._send(waiting[0]):
                _log(waiting.popleft())
            else:
                time.sleep(_PAUSE)

    def _send(self, draft: Draft) -> bool:
        box = self._boxes.setdefault(draft.partner.id, Letterbox(draft.partner.added.credentials))
        outcome: list[KafkaError | None] = []

        def done(error: KafkaError | None, _: Message) -> None:
            outcome.append(error)

        try:
            key = self._seal_key()
            sealed = seal(json.dumps(draft.report, ensure_ascii=False).encode(), key)
            box.post(sealed, draft.reference, done)
        except (httpx.HTTPError, LookupError, ValueError):
            say("intake returns no key to seal with; the demo waits.")
            return False
        except KafkaException:
            self._forget(draft.partner)
            return False
        while not outcome:
            box.serve(_PAUSE)
        if outcome[0] is not None:
            say(f"The broker did not accept a report ({outcome[0].name()}); the demo waits.")
            self._stop_without_login(box)
            self._forget(draft.partner)
        return outcome[0] is None

    def _seal_key(self) -> dict[str, Any]:
        now = time.monotonic()
        if self._key is None or self._key[0] < now:
            self._key = (now + _KEY_FOR, seal_key(self._jwks_url))
        return self._key[1]

    def _forget(self, partner: Partner) -> None:
        """Use a new connection next time: a producer with a fatal error does not recover."""
        self._boxes.pop(partner.id, None)

    def _stop_without_login(self, box: Letterbox) -> None:
        if any(error.code() == KafkaError._AUTHENTICATION for error in box.refused):  # noqa: SLF001 - its public name
            partner = box.credentials.partner
            stop(f"The broker no longer accepts the login of {partner}.", Exit.REFUSED)


def _wait_for_intake(running: Running) -> None:
    until = time.monotonic() + _PATIENCE
    while not _answers(running):
        if time.monotonic() > until:
            running.request("intake", "GET", "/partners")
        time.sleep(_PAUSE / 4)


def _answers(running: Running) -> bool:
    try:
        return running.ask("intake", "GET", "/partners").is_success
    except (httpx.TransportError, OSError):
        return False


def _partners(running: Running) -> list[Partner]:
    """Return one partner of each kind; add those that are missing."""
    (running.home.root / "partners").mkdir(mode=0o700, exist_ok=True)
    examples = json.loads((EXAMPLES / "partners.json").read_text(encoding="utf-8"))
    first_of_kind: dict[str, dict[str, Any]] = {}
    for one in examples:
        first_of_kind.setdefault(one["kind"], one)
    known = {one["id"]: one for one in running.request("intake", "GET", "/partners")}
    admin = kafka_admin(running.kafka("admin"))
    partners = []
    for one in first_of_kind.values():
        kind = PartnerKind(one["kind"])
        places = tuple(known.get(one["id"], one)["municipalities"])
        file = kept_by_the_stack(running.home, one["id"])
        added = admit(running, admin, one["id"], kind, places, file)
        partners.append(Partner(one["id"], kind, places, added))
    late = wait_until_read(running, [partner.id for partner in partners])
    if late:
        say(f"intake does not read the reports of {', '.join(late)} yet.")
    return partners


def _log(draft: Draft) -> None:
    """Print what was sent, without any name of a person."""
    process = draft.report["process"] or "triage"
    remark = f", {draft.remark}" if draft.remark else ""
    time_of_day = f"{datetime.now(UTC).astimezone():%H:%M:%S}"
    typer.echo(f"{time_of_day} {draft.partner.id} {draft.reference} ({process}{remark})")


def main() -> None:
    """Run the demo by itself."""
    app()


if __name__ == "__main__":
    main()
