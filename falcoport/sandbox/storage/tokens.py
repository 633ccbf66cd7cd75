"""Access tokens: who asks, until when, and as what.

Port's rules (docs, API; published API description): three hours, one active token per pair of
credentials, so that asking again before it expires gives the same one. How long a token that was
given again still lives is not documented; the sandbox says the truth.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.sandbox import errors, options
from falcoport.sandbox.storage.store import dump

if TYPE_CHECKING:
    from falcoport.sandbox.storage.store import Store

ORGANIZATION_ID = "org_sandbox"
_SECRETS = {
    options.CLIENT_ID: options.CLIENT_SECRET,
    options.MEMBER_CLIENT_ID: options.MEMBER_CLIENT_SECRET,
}
_SIGNING_KEY = b"falcoport sandbox: nothing is secret here"


@dataclass(frozen=True)
class Caller:
    """Who makes a call: the client id, and whether it is an admin."""

    client_id: str
    is_admin: bool


class Tokens:
    """The tokens of one sandbox; they live on in its database."""

    def __init__(self, store: Store, lifetime: int) -> None:
        self._store = store
        self._lifetime = lifetime

    def issue(self, client_id: str, client_secret: str) -> dict[str, Any]:
        """Return the answer to a token request; raise a 401 error for unknown credentials."""
        known = _SECRETS.get(client_id, "")
        given = client_secret.encode(errors="surrogatepass")
        if not known or not hmac.compare_digest(known.encode(), given):
            raise errors.wrong_credentials()
        moment = time.time()
        row = self._store.one(
            "SELECT token, expires FROM token WHERE client = ? AND expires > ?",
            (client_id, moment),
        )
        if row is None:
            row = (_token(client_id, moment, moment + self._lifetime), moment + self._lifetime)
            with self._store.transaction():
                self._store.execute(
                    "INSERT OR REPLACE INTO token VALUES (?, ?, ?)", (client_id, *row)
                )
        return {
            "ok": True,
            "accessToken": row[0],
            "expiresIn": max(1, math.ceil(row[1] - moment)),
            "tokenType": "Bearer",
        }

    def caller(self, authorization: str | None) -> Caller:
        """Return who an `Authorization` header stands for; raise a 401 error for nobody."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise errors.unauthorized("No authorization token was found")
        row = self._store.one("SELECT client, expires FROM token WHERE token = ?", (token.strip(),))
        if row is None:
            raise errors.unauthorized("The access token is not valid")
        if row[1] <= time.time():
            raise errors.unauthorized("The access token has expired")
        return Caller(row[0], row[0] == options.CLIENT_ID)


def _token(client_id: str, issued: float, expires: float) -> str:
    """Return a JWT, as Port's tokens are; its claims are those that Port's clients look at."""
    claims = {
        "orgId": ORGANIZATION_ID,
        "clientId": client_id,
        "isMachine": True,
        "personalToken": False,
        "iat": issued,
        "exp": int(expires),
    }
    signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
    digest = hmac.new(_SIGNING_KEY, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64(digest)}"


def _encode(value: Any) -> str:
    return _base64(dump(value).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
