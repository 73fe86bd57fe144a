"""The issuer's own logout reaches us here: OpenID Connect Back-Channel Logout 1.0.

The issuer posts a token that it signed (`logout_token`). It is checked with the issuer's published
keys: asymmetric algorithm, issuer, audience, age, the event of a logout, and no nonce, so that an ID
token is never taken for one. It names the person, the issuer's session, or both. A token counts once.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final, NamedTuple

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

__all__ = ["IssuerKeys", "LogoutRefused", "LogoutToken", "read_logout"]

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
MOST_CHARACTERS: Final = 8_192
_LATEST: Final = timedelta(minutes=5)
"""How old a token may be, and how far the issuer's clock may be ahead."""
_ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
)
_REGISTRY: Final = JWSRegistry(algorithms=list(_ALGORITHMS), strict_check_header=False)
_KEPT_S: Final = 300.0
_AGAIN_S: Final = 10.0


class LogoutRefused(Exception):
    """The token is no logout by our issuer, for us, of now."""


class LogoutToken(NamedTuple):
    """What the issuer has ended."""

    id: str
    staff_id: str | None
    """All sessions of this person, where no session of the issuer is named."""
    issuer_session: str | None


class IssuerKeys:
    """The issuer's public keys, asked for seldom: anybody may post a token that is none."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Mapping[str, Any]]],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: KeySet | None = None
        self._asked_at = 0.0

    async def current(self, *, newer: bool = False) -> KeySet:
        """Return the keys; `newer` asks again, unless they were asked for a moment ago."""
        age = self._clock() - self._asked_at
        if self._known is None or age > (_AGAIN_S if newer else _KEPT_S):
            self._asked_at = self._clock()
            self._known = KeySet.import_key_set(await self._fetch())  # type: ignore[arg-type]
        return self._known


async def read_logout(
    token: str, keys: IssuerKeys, *, issuer: str, client_id: str, now: datetime | None = None
) -> LogoutToken:
    """Return what the token ends.

    Raises:
        LogoutRefused: it is not what it must be.

    """
    if len(token) > MOST_CHARACTERS or not token.isascii():
        raise LogoutRefused
    try:
        claims = _decoded(token, await keys.current())
    except InvalidKeyIdError:
        try:
            claims = _decoded(token, await keys.current(newer=True))
        except (JoseError, ValueError, TypeError):
            raise LogoutRefused from None
    except (JoseError, ValueError, TypeError):
        raise LogoutRefused from None
    if not _is_logout(claims, issuer, client_id, now or datetime.now(UTC)):
        raise LogoutRefused
    return LogoutToken(str(claims["jti"]), claims.get("sub"), claims.get("sid"))


def _decoded(token: str, keys: KeySet) -> dict[str, Any]:
    return dict(jwt.decode(token, keys, registry=_REGISTRY).claims)


def _is_logout(claims: Mapping[str, Any], issuer: str, client_id: str, now: datetime) -> bool:
    audience = claims.get("aud")
    for_us = audience == client_id or (isinstance(audience, list) and client_id in audience)
    issued, ends = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or not abs(now.timestamp() - issued) <= _LATEST.total_seconds():
        return False
    is_over = ends is not None and (type(ends) is not int or ends <= now.timestamp())
    events = claims.get("events")
    is_event = isinstance(events, dict) and isinstance(events.get(EVENT), dict)
    named = [claims.get(name) for name in ("sub", "sid") if claims.get(name) is not None]
    are_texts = all(isinstance(one, str) and one for one in (*named, claims.get("jti")))
    return (
        claims.get("iss") == issuer
        and for_us
        and not is_over
        and is_event
        and "nonce" not in claims
        and bool(named)
        and are_texts
    )
