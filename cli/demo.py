"""`samraad demo`: invented partners who keep on reporting, through the same door as real ones.

Some reports are wrong, some come twice, as in life. It goes on through a broker that is away: what
was not taken is sent again.
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
"""Every process of the district, and reports that leave it to triage."""
_OFTEN: Final = (*KINDS_OF_REPORT, *[Process.MEDIATION] * 4, *[Process.PSP] * 2)
"""What is drawn from: mostly what services run, so that there is something to follow."""
WRONG, TWICE, CHANGED = 1 / 8, 1 / 10, 1 / 40
"""How often a report is wrong, comes again as it was, or comes again with another content."""

_PATIENCE: Final = 120.0
"""Seconds that intake may take to start."""
_KEY_FOR: Final = 300.0
"""Seconds after which the key to seal with is asked for again."""
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
    """A report about to be sent, and what is odd about it."""

    partner: Partner
    told: dict[str, Any]
    odd: str = ""

    @property
    def reference(self) -> str:
        """The report's reference."""
        return str(self.told["reference"])


@app.command()
def demo(
    rate: Annotated[
        float, typer.Option(min=0.1, metavar="N", help="About so many reports a minute.")
    ] = 12.0,
    count: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="End after so many reports.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="One report of each kind at once, then end.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="The same number, the same reports.")
    ] = None,
) -> None:
    """Add invented partners, one of each kind, and let them report about invented people.

    The first time a handful comes at once, so that the pages have something to show.
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
    """What the invented partners report."""

    def __init__(self, partners: Sequence[Partner], inventor: Inventor, dice: Random) -> None:
        self._by_kind = {partner.kind.value: partner for partner in partners}
        self._inventor = inventor
        self._dice = dice

    def one_of_each(self) -> Iterator[Draft]:
        """One report of each kind, one that is wrong, and one that comes twice."""
        for process in KINDS_OF_REPORT:
            yield self._right(process)
        yield self._wrong(Process.MEDIATION)
        again = self._right(Process.CONCERN)
        yield from (again, self._again(again))

    def for_ever(self) -> Iterator[Draft]:
        """Reports of all kinds, some of them odd, without end."""
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
                changed = {**draft.told, "text": "Rettet tekst under en brugt reference."}
                yield Draft(draft.partner, changed, "changed under a used reference")

    def _right(self, process: Process | None) -> Draft:
        kind, example = self._inventor.example(process, self._by_kind)
        partner = self._by_kind[kind]
        told = self._inventor.report(
            example,
            partner=partner.id,
            municipalities=partner.municipalities,
            now=datetime.now(UTC),
        )
        return Draft(partner, told)

    def _wrong(self, process: Process | None) -> Draft:
        draft = self._right(process)
        wrong = with_a_mistake(draft.told, draft.partner.kind, self._dice)
        return Draft(draft.partner, wrong, "with a mistake")

    def _again(self, draft: Draft) -> Draft:
        return Draft(draft.partner, draft.told, "again, as it was")


class PostOffice:
    """Sends what the partners write, each with its own login, until the broker has taken it."""

    def __init__(self, jwks_url: str) -> None:
        self._jwks_url = jwks_url
        self._key: tuple[float, dict[str, Any]] | None = None
        self._boxes: dict[str, Letterbox] = {}

    def send_all(self, drafts: "Iterator[Draft] | Sequence[Draft]") -> None:
        """Send these in order; returns when every one is taken."""
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
            sealed = seal(json.dumps(draft.told, ensure_ascii=False).encode(), key)
            box.post(sealed, draft.reference, done)
        except (httpx.HTTPError, LookupError, ValueError):
            say("intake gives no key to seal with; the demo waits.")
            return False
        except KafkaException:
            self._forget(draft.partner)
            return False
        while not outcome:
            box.serve(_PAUSE)
        if outcome[0] is not None:
            say(f"The broker did not take a report ({outcome[0].name()}); the demo waits.")
            self._refuse_to_go_on_without_login(box)
            self._forget(draft.partner)
        return outcome[0] is None

    def _seal_key(self) -> dict[str, Any]:
        now = time.monotonic()
        if self._key is None or self._key[0] < now:
            self._key = (now + _KEY_FOR, seal_key(self._jwks_url))
        return self._key[1]

    def _forget(self, partner: Partner) -> None:
        """Take a new connection next time: a producer that failed for good stays so."""
        self._boxes.pop(partner.id, None)

    def _refuse_to_go_on_without_login(self, box: Letterbox) -> None:
        if any(error.code() == KafkaError._AUTHENTICATION for error in box.refused):  # noqa: SLF001 - its public name
            partner = box.credentials.partner
            stop(f"The broker no longer takes the login of {partner}.", Exit.REFUSED)


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
    """Add one partner of each kind, or find them added."""
    (running.home.root / "partners").mkdir(mode=0o700, exist_ok=True)
    told = json.loads((EXAMPLES / "partners.json").read_text(encoding="utf-8"))
    first_of_kind: dict[str, dict[str, Any]] = {}
    for one in told:
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
    """Tell what went out: nothing of it names anybody."""
    process = draft.told["process"] or "triage"
    odd = f", {draft.odd}" if draft.odd else ""
    time_of_day = f"{datetime.now(UTC).astimezone():%H:%M:%S}"
    typer.echo(f"{time_of_day} {draft.partner.id} {draft.reference} ({process}{odd})")


def main() -> None:
    """Run the demo by itself."""
    app()


if __name__ == "__main__":
    main()
