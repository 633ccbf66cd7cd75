"""Which URLs falcoport sends anything to: the one check for every webhook's URL.

Pure.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

MAX_URL = 2000
# RFC 3986, in ASCII. Compiled when first used: every command imports this module, few need it.
_URL = (
    r"https?://"
    r"(?:(?:[\w.~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?"
    r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:[/?](?:[\w.~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*)?"
)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_webhook_url_problem(url: object) -> str:
    """Say why alerts must not be posted to a URL; empty if they may.

    The words do not repeat the URL, which is a credential.
    """
    problem = find_url_problem(url)
    if problem:
        return problem
    parts = urlsplit(str(url))
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return f"http:// shows alerts and secrets on their way to {parts.hostname}"
    return ""


def find_url_problem(url: object) -> str:
    """Say why a text is not a URL that every program reads alike; empty if it is."""
    if not isinstance(url, str) or not url:
        return "it is empty"
    problems = {
        "it does not begin with https:// or http://": not url.startswith(("http://", "https://")),
        "it holds a space, a control character or one beyond ASCII, unescaped": (
            not url.isascii() or not url.isprintable() or " " in url
        ),
        "it holds a `#`, and what stands behind it is never sent": "#" in url,
        "it is not a URL as RFC 3986 writes one; other characters are written as %XX": (
            not re.fullmatch(_URL, url, re.ASCII)
        ),
        f"it is longer than {MAX_URL} characters": len(url) > MAX_URL,
    }
    problem = next((problem for problem, holds in problems.items() if holds), "")
    return problem or _find_host_problem(url)


def _find_host_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
        _port = parts.port
        (parts.hostname or "").encode("idna")  # as the look-up of its address will
    except ValueError as error:
        return f"it is not a URL: {error}"
    return "" if parts.hostname else "it names no host"
