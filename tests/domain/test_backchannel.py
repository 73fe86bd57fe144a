"""The issuer's logout tokens: one form alone is taken, and keys are asked for seldom."""

import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from shared.web.backchannel import EVENT, IssuerKeys, LogoutRefused, read_logout
from shared.web.login import install_login

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
AT = int(NOW.timestamp())
ISSUER, CLIENT = "https://login.example", "samraad"
KEY = RSAKey.generate_key(2048, {"kid": "first"})
NEXT = ECKey.generate_key("P-256", {"kid": "next"})
GOOD = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": AT,
    "exp": AT + 120,
    "jti": "j-1",
    "sub": "kira",
    "sid": "s-1",
    "events": {EVENT: {}},
}


def a_token(key=KEY, alg="RS256", **changes):
    claims = {name: value for name, value in (GOOD | changes).items() if value is not ...}
    registry = JWSRegistry(algorithms=[alg])
    return jwt.encode(
        {"alg": alg, "kid": key.kid, "typ": "logout+jwt"}, claims, key, None, registry
    )


class Issuer:
    """Publishes its keys, and counts how often it is asked."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.asked = 0
        self.clock = time.monotonic()

    async def fetch(self):
        self.asked += 1
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def known(self):
        return IssuerKeys(self.fetch, lambda: self.clock)


async def read(token, issuer=None, keys=None):
    keys = keys or (issuer or Issuer(KEY)).known()
    return await read_logout(token, keys, issuer=ISSUER, client_id=CLIENT, now=NOW)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, ("kira", "s-1")),
        ({"sid": ...}, ("kira", None)),
        ({"sub": ...}, (None, "s-1")),
        ({"exp": ...}, ("kira", "s-1")),
        ({"aud": [CLIENT, "another"]}, ("kira", "s-1")),
        ({"iat": AT - 290, "exp": AT + 5}, ("kira", "s-1")),
    ],
)
async def test_a_logout_names_a_person_a_session_or_both(changes, named):
    ended = await read(a_token(**changes))

    assert (ended.id, (ended.staff_id, ended.issuer_session)) == ("j-1", named)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": ...},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": ...},
        {"iat": AT - 301},
        {"iat": AT + 301},
        {"iat": ...},
        {"iat": str(AT)},
        {"exp": AT},
        {"exp": str(AT + 60)},
        {"jti": ...},
        {"jti": 7},
        {"sub": ..., "sid": ...},
        {"sub": ""},
        {"sub": 7},
        {"sid": {"a": 1}},
        {"events": ...},
        {"events": {}},
        {"events": [EVENT]},
        {"events": {EVENT: None}},
        {"nonce": "an ID token has one"},
        {"more": "x" * 9_000},
    ],
)
async def test_whatever_else_is_refused(changes):
    with pytest.raises(LogoutRefused):
        await read(a_token(**changes))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "æ.ø.å", "e30.e30.", "." * 9_000])
async def test_what_is_no_token_is_refused(token):
    with pytest.raises(LogoutRefused):
        await read(token)


async def test_another_key_opens_nothing_not_even_the_public_one_as_a_secret():
    stranger = RSAKey.generate_key(2048, {"kid": "first"})
    public = OctKey.import_key(json.dumps(KEY.as_dict(private=False)), {"kid": "first"})

    for token in (a_token(stranger), a_token(public, "HS256")):
        with pytest.raises(LogoutRefused):
            await read(token)


async def test_a_new_key_of_the_issuer_is_found_and_strangers_do_not_make_us_ask_for_ever():
    issuer = Issuer(KEY)
    keys = issuer.known()
    assert await read(a_token(), keys=keys)
    issuer.keys.append(NEXT)
    issuer.clock += 11

    assert await read(a_token(NEXT, "ES256"), keys=keys)
    for _ in range(20):
        with pytest.raises(LogoutRefused):
            await read(a_token(ECKey.generate_key("P-256", {"kid": "mine"}), "ES256"), keys=keys)

    assert issuer.asked == 2


@contextmanager
def an_issuer_over_http():
    """An issuer that publishes its keys; gives its address and the paths that it was asked for."""
    asked = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            metadata = {"issuer": address, "jwks_uri": f"{address}/jwks"}
            keys = {"keys": [KEY.as_dict(private=False)]}
            body = json.dumps(keys if self.path == "/jwks" else metadata).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield address, asked
        server.shutdown()


class Ended:
    """The sessions that were ended."""

    def __init__(self):
        self.named = []

    async def end_of_issuer(self, ended):
        self.named.append(ended.staff_id)
        return 1


async def test_the_issuer_is_asked_once_however_many_tokens_of_nobody_arrive(tmp_path):
    secret, ended, now = tmp_path / "secret", Ended(), int(time.time())
    secret.write_text("x" * 32)
    with an_issuer_over_http() as (address, asked):
        settings = SimpleNamespace(
            site_url="http://site",
            issuer=address,
            client_secret_file=secret,
            session_secret_file=secret,
            demo=False,
        )
        app = FastAPI()
        install_login(app, settings, ended)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as site:

            async def post(token):
                sent = {"logout_token": token}
                return (await site.post("/notify/backchannel-logout", data=sent)).status_code

            forged = [await post("e30.e30.x") for _ in range(20)]
            real = await post(a_token(iss=address, iat=now, exp=now + 60))

    assert (forged, real) == ([400] * 20, 200)
    assert ended.named == ["kira"]
    assert sorted(asked) == ["/.well-known/openid-configuration", "/jwks"]
