"""Who may talk to the sandbox: whoever is on this machine, and no page of another site.

A browser can be made to send requests here by any page that it shows. One whose name was made to
point to this machine says so in `Host`; any other says where it comes from in `Origin`.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from falcoport.sandbox.errors import ApiError

if TYPE_CHECKING:
    from starlette.types import Scope

_READING = ("GET", "HEAD", "OPTIONS")


def refuse_foreign(scope: Scope) -> ApiError | None:
    """Return the error that answers a request from elsewhere; None for all others."""
    host = origin = None
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
        elif name == b"origin":
            origin = value
    if host is not None and not is_loopback_name(host.decode("latin-1")):
        return ApiError(
            421, "misdirected_request", "The sandbox answers to the names of this machine only"
        )
    if scope["method"] in _READING or origin is None:
        return None
    if is_loopback_name(_host_of(origin.decode("latin-1"))):
        return None
    return ApiError(403, "forbidden_origin", "Pages of other sites may not change the sandbox")


def _host_of(origin: str) -> str:
    """Return the host and port of an origin; empty if it has none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


@lru_cache(maxsize=64)
def is_loopback_name(host: str) -> bool:
    """Return whether a host, with or without a port, is this machine."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if name is None:
        return False
    if name.rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
