"""The constant header that lets only one's own Falcosidekick post alerts: its name and its secret.

Falcosidekick cannot sign bodies, so a shared secret travels as a header value. Its environment
form, `NAME:VALUE,NAME:VALUE`, is split on every `,` and then on every `:`, and a piece that does
not give exactly two parts is dropped without a word (Falcosidekick 2.34.1, `config.go`). A secret
is therefore held to what survives every way of handing it over. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_HEADER = "X-Falcoport-Secret"
PLACEHOLDER = "REPLACE-WITH-THE-SECRET"
"""Stands where a secret belongs that is not known, or must not be shown."""

SECRET_BYTES = 32
MAX_SECRET = 1024
MAX_NAME = 100

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")

_RESERVED = {
    "accept-encoding": "Go's HTTP client sets it itself",
    "connection": "it controls the connection, not the request",
    "content-length": "Go's HTTP client sets it itself",
    "content-type": "Port would no longer read the body as JSON",
    "expect": "it controls the connection, not the request",
    "host": "Go's HTTP client ignores it",
    "keep-alive": "it controls the connection, not the request",
    "te": "it controls the connection, not the request",
    "trailer": "it controls the connection, not the request",
    "transfer-encoding": "Go's HTTP client sets it itself",
    "upgrade": "it controls the connection, not the request",
}


@dataclass(frozen=True)
class Header:
    """A header that Falcosidekick sends with every alert; `value` is the secret.

    Raise UsageError where Falcosidekick would not send the header as it stands.
    """

    name: str
    value: str = field(repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        check_secret(self.value)

    @property
    def joined(self) -> str:
        """The header as Falcosidekick's environment, Helm's charts and a Secret write it."""
        return f"{self.name}:{self.value}"


def generate_secret() -> str:
    """Return a new secret of 256 bits, in hexadecimal: it needs quoting nowhere."""
    import secrets

    return secrets.token_hex(SECRET_BYTES)


def check_name(name: str) -> None:
    """Raise UsageError unless `name` is a header name that reaches Port unchanged."""
    problem = _name_problem(name)
    if problem:
        raise UsageError(
            f"{name!r} cannot be the header's name: {problem}.",
            hint=f"Leave --header out for {DEFAULT_HEADER}, or name another one.",
            code="bad_header",
        )


def _name_problem(name: str) -> str:
    if not _NAME.fullmatch(name):
        return "only a letter, then letters, digits and hyphens pass every proxy"
    if len(name) > MAX_NAME:
        return f"it is longer than {MAX_NAME} characters"
    return _RESERVED.get(name.lower(), "")


def check_secret(secret: str) -> None:
    """Raise UsageError if Falcosidekick would cut or drop `secret`; its text is never repeated."""
    problem = _secret_problem(secret)
    if problem:
        raise UsageError(
            f"The webhook secret cannot be used: {problem}.",
            hint="Letters, digits and - _ . ~ + / = are safe everywhere.",
            code="bad_secret",
        )


def _secret_problem(secret: str) -> str:
    for is_wrong, problem in _SECRET_PROBLEMS:
        if is_wrong(secret):
            return problem
    return ""


_SECRET_PROBLEMS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda s: not s, "it is empty"),
    (
        lambda s: "\n" in s or "\r" in s,
        "it holds a line end, and Falcosidekick could then send no alert at all",
    ),
    (lambda s: not s.isascii(), "it holds characters beyond ASCII, which a header cannot carry"),
    (lambda s: not s.isprintable(), "it holds a control character, which a header cannot carry"),
    (
        lambda s: ":" in s,
        "it holds a colon, and Falcosidekick drops a header with a second colon silently",
    ),
    (lambda s: "," in s, "it holds a comma, where Falcosidekick would cut it"),
    (lambda s: s != s.strip(" "), "it begins or ends with a space, which is lost on the way"),
    (lambda s: len(s) > MAX_SECRET, f"it is longer than {MAX_SECRET} characters"),
)
