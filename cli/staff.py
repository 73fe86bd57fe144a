"""`samraad staff`: the directory of staff at notify: show it, change a member, take rights away."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from cli.reach import AsJson, Exit, print_json, reach, say, stop

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="The directory of staff: who holds which role where. A change counts at once, everywhere.",
)

NOTIFY = "notify"

Id = Annotated[str, typer.Argument(metavar="ID", help="The subject at the login's issuer.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit log.")]


@app.command("list")
def show_all(as_json: AsJson = False) -> None:
    """List all members of staff, those too who are not active any more."""
    members = reach().request(NOTIFY, "GET", "/staff")
    if as_json:
        print_json(members, indent=1)
        return
    table = Table("id", "name", "roles", "places", "authority", "active")
    for one in members:
        active = "yes" if one["active"] else "no"
        codes = (", ".join(one["roles"]), ", ".join(one["places"]))
        table.add_row(one["id"], one["name"], *codes, one["authority"], active)
    Console().print(table)


@app.command("show")
def show_one(staff_id: Id, as_json: AsJson = False) -> None:
    """Show one member of staff."""
    member = _at_notify("GET", staff_id)
    if as_json:
        print_json(member, indent=1)
        return
    _print(member)


@app.command("set")
def change(
    staff_id: Id,
    *,
    reason: Reason,
    name: Annotated[str | None, typer.Option("--name", help="As colleagues see it.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="What the work is called.")] = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", help="Repeat it; these replace the earlier ones.")
    ] = None,
    place: Annotated[
        list[str] | None,
        typer.Option(
            "--place", help="Kommunekode, region or 1463; these replace the earlier ones."
        ),
    ] = None,
    no_roles: Annotated[bool, typer.Option("--no-roles", help="Take all roles away.")] = False,
    authority: Annotated[
        str | None,
        typer.Option("--authority", help="police, municipality, psychiatry or prosecution."),
    ] = None,
    active: Annotated[
        bool, typer.Option("--active", help="Let somebody in again who was deactivated.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change a member of staff, or add one. What is not given stays as it is."""
    if role and no_roles:
        stop("Give roles, or --no-roles.", Exit.WRONG_USE)
    wanted: dict[str, Any] = {
        "name": name,
        "title": title,
        "roles": [] if no_roles else role or None,
        "places": place or None,
        "authority": authority,
        "active": active or None,
    }
    given = {field: value for field, value in wanted.items() if value is not None}
    if not given:
        stop("Say what is to be changed.", Exit.WRONG_USE)
    member = _at_notify("PUT", staff_id, {**given, "reason": reason})
    if as_json:
        print_json(member, indent=1)
        return
    _print(member)


@app.command("deactivate")
def deactivate(staff_id: Id, reason: Reason, as_json: AsJson = False) -> None:
    """Take everything away from somebody who leaves: all sessions end, and nobody logs in so again."""
    member = _at_notify("PUT", staff_id, {"active": False, "reason": reason})
    if as_json:
        print_json(member, indent=1)
        return
    say(f"{member['id']} may do nothing any more, and has no session.")


def _at_notify(method: str, staff_id: str, body: object = None) -> Any:
    return reach().request(NOTIFY, method, f"/staff/{quote(staff_id, safe='')}", body)


def _print(member: dict[str, Any]) -> None:
    table = Table(show_header=False)
    for field, value in member.items():
        table.add_row(field, ", ".join(value) if isinstance(value, list) else str(value))
    Console().print(table)
