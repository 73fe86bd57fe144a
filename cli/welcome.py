"""The last output of `samraad up`: addresses, logins of the demo, and next commands."""

from importlib.util import find_spec
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.embedded.paths import CLONE, STAFF
from deploy.embedded.programs import Wanted, issuer_url, site_url
from deploy.embedded.progress import Up

__all__ = ["welcome"]


def welcome(console: Console, done: Up, wanted: Wanted) -> None:
    """Print the addresses, the logins and the next commands."""
    console.print("[bold]Samråd was up already.[/]" if done.was_up else "[bold]Samråd is up.[/]")
    addresses = Table(box=None, show_header=False, pad_edge=False)
    if not wanted.brokers_only:
        addresses.add_row("Pages", f"{site_url(done.ports)}/")
        addresses.add_row("Login issuer", f"{issuer_url(done.ports)}/")
    addresses.add_row("Kafka", done.kafka)
    addresses.add_row("MongoDB", done.mongo)
    console.print(addresses)
    if wanted.brokers_only:
        return
    console.print("\nLog in as, without a password (no such person exists):")
    staff = Table(box=None, show_header=False, pad_edge=False)
    for person in _first_staff():
        staff.add_row(escape(person["name"]), escape(person["title"]), escape(person["does"]))
    console.print(staff)
    console.print("\nTry next:")
    for line in _next_steps(demo=wanted.demo):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _first_staff() -> list[dict[str, Any]]:
    try:
        declared = yaml.safe_load(STAFF.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [person for person in declared["staff"] if person.get("first")]


def _next_steps(*, demo: bool) -> list[str]:
    """Return commands that work as they are; the demo has its partners already."""
    command = ".venv/bin/samraad"
    steps = [
        ("watch", f"{command} watch"),
        ("partner", f"{command} partner add prosecution-syd --kind prosecution"),
        ("emit", f"{command} emit examples/reports/valid/{_example()} --as prosecution-syd"),
        ("stack", f"{command} status"),
    ]
    return [
        step
        for module, step in steps
        if find_spec(f"cli.{module}") is not None and not (demo and module == "partner")
    ]


def _example() -> str:
    files = sorted((CLONE / "examples" / "reports" / "valid").glob("*.json"))
    wanted = [file.name for file in files if "prosecution-syd" in file.read_text(encoding="utf-8")]
    return (wanted or ["…"])[0]
