"""What Falcosidekick needs to know to reach Port, checked once for all formats.

Its traps are those of Falcosidekick 2.34.1 (`config.go`, `outputs/webhook.go`). Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.errors import InputError, UsageError
from falcoport.falco.priorities import PRIORITIES

if TYPE_CHECKING:
    from falcoport.falcosidekick.header import Header

IMAGE = "falcosecurity/falcosidekick:2.34.1"
LISTEN = "127.0.0.1:2801:2801"
"""Published on loopback only: Falcosidekick's own input asks for no credentials."""

NAMESPACE = "falco"

MINIMUM_PRIORITIES = tuple(name.lower() for name in PRIORITIES)
"""What `minimumpriority` may be; unlike Falco, Falcosidekick does not know `info`."""

_SHORT_PRIORITIES = {
    "emerg": "emergency",
    "panic": "emergency",
    "crit": "critical",
    "err": "error",
    "warn": "warning",
    "info": "informational",
}

MAX_URL = 2000

# Compiled when first used: every command imports this module, few need it.
_URL = (
    r"https?://"
    r"(?:(?:[\w.~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?"
    r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:[/?](?:[\w.~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*)?"
)
_KUBERNETES_NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TAG_MARKS = frozenset("@_.+:/=-")


@dataclass(frozen=True)
class Handover:
    """Everything that Falcosidekick is told.

    `url` is the webhook's and a credential itself. `header` is the one that the webhook asks for,
    None where it is open. `minimum_priority` is one of MINIMUM_PRIORITIES in any case: alerts
    below it are not sent. `custom_tags` are added to every alert. `namespace` is the Kubernetes
    namespace that Falcosidekick runs in.

    Raises UsageError for a value that Falcosidekick would misread in whatever format, InputError
    for such a URL: that one is Port's.
    """

    url: str = field(repr=False)
    header: Header | None = None
    minimum_priority: str | None = None
    custom_tags: tuple[str, ...] = ()
    namespace: str = NAMESPACE

    def __post_init__(self) -> None:
        _check_url(self.url)
        if self.minimum_priority is not None:
            _check_priority(self.minimum_priority)
        for tag in self.custom_tags:
            _check_tag(tag)
        if not re.fullmatch(_KUBERNETES_NAME, self.namespace):
            raise UsageError(
                f"{self.namespace!r} is not a Kubernetes namespace.",
                hint="Lower-case letters, digits and hyphens, at most 63.",
                code="bad_namespace",
            )

    @property
    def webhook_environment(self) -> dict[str, str]:
        """The variables of Falcosidekick's webhook output."""
        variables = {"WEBHOOK_ADDRESS": self.url}
        if self.header is not None:
            variables["WEBHOOK_CUSTOMHEADERS"] = self.header.joined
        if self.minimum_priority is not None:
            variables["WEBHOOK_MINIMUMPRIORITY"] = self.minimum_priority.lower()
        return variables

    @property
    def environment(self) -> dict[str, str]:
        """All variables, those that concern every output of Falcosidekick included."""
        variables = self.webhook_environment
        if self.custom_tags:
            variables["CUSTOMTAGS"] = ",".join(self.custom_tags)
        return variables


def _check_url(url: str) -> None:
    problem = _url_problem(url)
    if problem:
        raise InputError(f"The webhook URL cannot be used: {problem}.", code="bad_url")


def _url_problem(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        return "it does not begin with https:// or http://"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "it holds a space, a line end or a character beyond ASCII, unescaped"
    if "#" in url:
        return "it holds a `#`, and what stands behind it is never sent"
    if not re.fullmatch(_URL, url, re.ASCII):
        return "it is not a URL as RFC 3986 writes one; other characters are written as %XX"
    if len(url) > MAX_URL:
        return f"it is longer than {MAX_URL} characters"
    return ""


def _check_priority(priority: str) -> None:
    if priority.lower() in MINIMUM_PRIORITIES:
        return
    meant = _SHORT_PRIORITIES.get(priority.lower())
    raise UsageError(
        f"{priority!r} is no priority that Falcosidekick knows: it would let everything through.",
        hint=f"Did you mean {meant}?" if meant else f"One of {', '.join(MINIMUM_PRIORITIES)}.",
        code="bad_priority",
    )


def _check_tag(tag: str) -> None:
    if tag and all(character.isalnum() or character in _TAG_MARKS for character in tag):
        return
    raise UsageError(
        f"{tag!r} cannot be a custom tag: Falcosidekick splits tags on commas and removes spaces, "
        "and other marks do not reach it alike from every format.",
        hint="Letters, digits and @ _ . + : / = - are fine.",
        code="bad_tag",
    )
