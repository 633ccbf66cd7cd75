"""Which URLs falcoport sends anything to: the one check for every webhook's URL.

Pure.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

# Quotes and the like have no place in a URL (RFC 3986, 2), and would end a quoted text of a shell,
# of YAML or of Go where the URL is handed over.
_NEVER = frozenset("\"'`<>\\^{|}")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_webhook_url_problem(url: object) -> str:
    """Say why nothing can be posted to a webhook's URL; empty if it can.

    The words do not repeat the URL, which is a credential.
    """
    if not isinstance(url, str) or not url:
        return "it is empty"
    if not url.isascii() or not url.isprintable() or " " in url or _NEVER & set(url):
        return "it holds characters that no URL has"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        return f"it is not a URL: {error}"
    problems = {
        "it does not begin with https://": parts.scheme not in ("http", "https") or not host,
        "it holds a user or a password": "@" in parts.netloc,
        f"it begins with http://, which shows alerts and secrets on their way to {host}": (
            parts.scheme == "http" and not is_loopback(host)
        ),
    }
    return next((problem for problem, holds in problems.items() if holds), "")
