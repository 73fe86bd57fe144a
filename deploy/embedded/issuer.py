"""The stand-in login of the embedded stack: an OpenID Connect issuer with synthetic staff.

    python -m deploy.embedded.issuer

Settings: SAMRAAD_ISSUER (where it answers, on loopback), SAMRAAD_SITE_URL (the one site that may
use it) and SAMRAAD_CLIENT_SECRET_FILE. Behind a proxy SAMRAAD_ISSUER_LISTEN is where
it listens itself, and SAMRAAD_ISSUER_PUBLISHED_ON where the proxy is published: both must be
loopback too. It asks for no password, so it refuses to start on anything else, and answers to its
own address only. Around the library `oidc-provider-mock` it keeps
what a real issuer would: one registered client with its secret and one return address, PKCE (S256)
on every code, a nonce, no debugger, and no way to add other users or clients. The signing key
is made at each start; open sessions stay valid.

As a real issuer does when somebody logs off there, it can end the sessions of a person at the site
(OpenID Connect Back-Channel Logout): `POST /end-sessions` with `sub`, and the site's client secret.

The library's own page, where one picks a user, is not shown: the site's login page does that and
names the person as `login_hint`. A request without one is sent back there.
"""

import base64
import hashlib
import hmac
import ipaddress
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import yaml
from joserfc import jwt
from joserfc.jwk import RSAKey

from deploy.embedded.paths import STAFF

CLIENT_ID: Final = "samraad"

_AUTHORIZE: Final = "/oauth2/authorize"
_TOKEN: Final = "/oauth2/token"  # noqa: S105  # a path
_END: Final = "/end-sessions"
_OPEN: Final = frozenset({_AUTHORIZE, _TOKEN, _END, "/.well-known/openid-configuration", "/jwks"})

Environment = dict[str, Any]
Start = Callable[..., Any]
Application = Callable[[Environment, Start], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the issuer answers, and for which site."""

    host: str
    port: int
    site: str
    client_secret: str
    listen: tuple[str, int]


def read_place(environment: dict[str, str]) -> Place:
    """Read the settings; raises ValueError with one sentence for each that will not do."""
    try:
        issuer = urlsplit(environment["SAMRAAD_ISSUER"])
        site = environment["SAMRAAD_SITE_URL"].rstrip("/")
        secret = Path(environment["SAMRAAD_CLIENT_SECRET_FILE"]).read_text().strip()
    except KeyError as missing:
        raise ValueError(f"{missing.args[0]} must be set.") from None
    except OSError as unreadable:
        raise ValueError("SAMRAAD_CLIENT_SECRET_FILE cannot be read.") from unreadable
    if issuer.scheme != "http" or issuer.hostname is None or issuer.port is None or issuer.path:
        raise ValueError("SAMRAAD_ISSUER must look like http://127.0.0.1:PORT.")
    listen = urlsplit("//" + environment.get("SAMRAAD_ISSUER_LISTEN", issuer.netloc))
    if listen.hostname is None or listen.port is None:
        raise ValueError("SAMRAAD_ISSUER_LISTEN must look like 127.0.0.1:PORT.")
    published = environment.get("SAMRAAD_ISSUER_PUBLISHED_ON", listen.hostname)
    if not all(map(is_loopback, (issuer.hostname, listen.hostname, published))):
        raise ValueError("The stand-in login asks for no password: it runs on loopback only.")
    if not secret:
        raise ValueError("SAMRAAD_CLIENT_SECRET_FILE is empty.")
    return Place(issuer.hostname, issuer.port, site, secret, (listen.hostname, listen.port))


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761 keeps it for loopback


def read_staff(file: Path = STAFF) -> list[dict[str, Any]]:
    """Read the synthetic staff."""
    staff: list[dict[str, Any]] = yaml.safe_load(file.read_text())["staff"]
    return staff


class RequestFilter:
    """WSGI middleware that passes only the requests of a login to the library."""

    def __init__(self, inner: Application, place: Place, people: frozenset[str]) -> None:
        self._inner = inner
        self._place = place
        self._people = people
        self._challenges: dict[str, str] = {}

    def __call__(self, environ: Environment, start: Start) -> Iterable[bytes]:
        """Pass on the requests that a login needs; answer 404 to others."""
        host = environ.get("HTTP_HOST", "")
        if host != f"{self._place.host}:{self._place.port}" or environ["PATH_INFO"] not in _OPEN:
            return _answer(start, HTTPStatus.NOT_FOUND)
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case "GET", str(path) if path == _AUTHORIZE:
                return self._authorize(environ, start)
            case _, str(path) if path == _AUTHORIZE:
                return _answer(start, HTTPStatus.NOT_FOUND)
            case _, str(path) if path == _TOKEN:
                return self._token(environ, start)
            case str(method), str(path) if path == _END and method != "POST":
                return _answer(start, HTTPStatus.NOT_FOUND)
        return self._inner(environ, start)

    def _authorize(self, environ: Environment, start: Start) -> Iterable[bytes]:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        hint = query.get("login_hint", [""])[0]
        if hint not in self._people:
            login = f"{self._place.site}/notify/login"
            return _answer(start, HTTPStatus.SEE_OTHER, [("Location", login)])
        challenge = query.get("code_challenge", [""])[0]
        if query.get("code_challenge_method") != ["S256"] or not challenge:
            return _answer(start, HTTPStatus.BAD_REQUEST)

        def start_noting(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            location = dict(headers).get("Location", "")
            for code in parse_qs(urlsplit(location).query).get("code", []):
                self._challenges[code] = challenge
            return start(status, headers, *rest)

        # The library asks for the user by a form; the hint answers it.
        form = urlencode({"sub": hint}).encode()
        return self._inner(_posting(environ, form), start_noting)

    def _token(self, environ: Environment, start: Start) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        sent = parse_qs(body.decode("ascii", "replace"))
        challenge = self._challenges.pop(sent.get("code", [""])[0], "")
        verifier = sent.get("code_verifier", [""])[0]
        digest = hashlib.sha256(verifier.encode()).digest()
        if not hmac.compare_digest(
            base64.urlsafe_b64encode(digest).decode().rstrip("="), challenge
        ):
            return _answer(start, HTTPStatus.BAD_REQUEST)
        return self._inner(_posting(environ, body), start)


def make_application(place: Place, staff: list[dict[str, Any]]) -> Application:
    """Build the issuer: the library's application behind the filter."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback is http
    import flask  # noqa: PLC0415  # part of the embedded stack only, as is the next
    import oidc_provider_mock  # noqa: PLC0415
    from oidc_provider_mock._storage import Client  # noqa: PLC0415  # how a client is registered

    users = [
        oidc_provider_mock.User(
            sub=one["id"],
            claims={name: one[name] for name in ("name", "title", "roles", "places")},
        )
        for one in staff
    ]
    application = oidc_provider_mock.app(
        require_client_registration=True,
        require_nonce=True,
        issue_refresh_token=False,
        user_claims=users,
    )
    application.debug = False
    application.wsgi_app = flask.Flask.wsgi_app.__get__(application)  # without its debugger
    client = Client(
        id=CLIENT_ID,
        secret=place.client_secret,
        redirect_uris=[f"{place.site}/notify/callback"],
        allowed_scopes=Client.SCOPES_SUPPORTED,
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106  # the name of a method
    )

    def register() -> None:
        flask.g.oidc_provider_mock_storage.store_client(client)

    def end_sessions() -> tuple[str, int]:
        login, sub = flask.request.authorization, flask.request.form.get("sub", "")
        shown = "" if login is None else str(login.password or "")
        if not hmac.compare_digest(shown.encode(), place.client_secret.encode()):
            return "", HTTPStatus.UNAUTHORIZED
        key = flask.g.oidc_provider_mock_storage.jwk.as_dict(is_private=True)
        issuer = f"http://{place.host}:{place.port}"
        return "", _tell_site(place.site, _logout_token(key, issuer, sub))

    application.add_url_rule(_END, view_func=end_sessions, methods=["POST"])
    application.before_request(register)
    return RequestFilter(application, place, frozenset(one["id"] for one in staff))


def _logout_token(key: dict[str, Any], issuer: str, sub: str) -> str:
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 120,
        "jti": secrets.token_urlsafe(16),
        "sub": sub,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }
    header = {"alg": "RS256", "typ": "logout+jwt"}
    if "kid" in key:
        header["kid"] = key["kid"]
    return jwt.encode(header, claims, RSAKey.import_key(key))


def _tell_site(site: str, token: str) -> int:
    """Post the token as an issuer does; return the site's status."""
    try:
        answer = httpx.post(
            f"{site}/notify/backchannel-logout",
            data={"logout_token": token},
            timeout=10,
            trust_env=False,
        )
    except httpx.HTTPError:
        return HTTPStatus.BAD_GATEWAY
    return answer.status_code


def main() -> int:
    """Serve until a signal; wrong settings are one sentence and exit code 2."""
    from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415  # as above

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Keep addresses out of the log: they carry the login's codes."""

    try:
        place = read_place(dict(os.environ))
    except ValueError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    application = make_application(place, read_staff())
    server = make_server(*place.listen, application, threaded=True, request_handler=Quiet)
    sys.stdout.write(f"stand-in login at http://{place.host}:{place.port}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    return 0


def _posting(environ: Environment, form: bytes) -> Environment:
    return environ | {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(form)),
        "wsgi.input": BytesIO(form),
    }


def _answer(
    start: Start, status: HTTPStatus, headers: Iterable[tuple[str, str]] = ()
) -> Iterable[bytes]:
    text = status.phrase.encode()
    plain = [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
    start(f"{status.value} {status.phrase}", [*plain, *headers])
    return [text]


if __name__ == "__main__":
    sys.exit(main())
