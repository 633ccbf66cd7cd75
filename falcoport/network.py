"""What the environment says of the network: proxies, which hosts do without, whose certificates.

The variables are those of curl, Python and OpenSSL. Pure: the caller hands over the environment.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from falcoport.errors import OptionValueError
from falcoport.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "http://proxy.example:3128"


@dataclass(frozen=True)
class Proxy:
    """A proxy, with the user and password that its URL may hold, and the variable that names it."""

    url: str = field(repr=False)
    source: str

    @property
    def address(self) -> str:
        """The proxy without user and password, for people."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, which takes a library more."""
        return self.url.startswith("socks")


@dataclass(frozen=True)
class Authorities:
    """Files and folders of certificates to trust instead of the system's, and what names them."""

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Network:
    """The environment as far as it is about the network; empty by default."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def find_proxy(self, url: str) -> Proxy | None:
        """Return the proxy that requests to a URL go through; None if they go directly.

        This machine's loopback is never reached through a proxy. Raise OptionValueError, which
        names the variable, for a value that cannot be used.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        # Upper case counts last, as curl has it; HTTP_PROXY is what a CGI request could set.
        names = (f"{parts.scheme}_proxy", "all_proxy")
        found = self._first(*(spelled for name in names for spelled in (name, name.upper())))
        if found is None or is_loopback(host):
            return None
        exceptions = self._first("no_proxy", "NO_PROXY")
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        if exceptions is not None and _is_excepted(host, port, *exceptions):
            return None
        return _read_proxy(*found)

    def find_authorities(self) -> Authorities:
        """Return what to trust instead of the system's certificates; empty where it says nothing.

        OpenSSL's own variables count before the one of the library requests.
        """
        file, folder = self.environment.get("SSL_CERT_FILE"), self.environment.get("SSL_CERT_DIR")
        if file or folder:
            source = " and ".join(
                name for name, value in (("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder)) if value
            )
            folders = tuple(one for one in (folder or "").split(":") if one)
            return Authorities((file,) if file else (), folders, source)
        bundle = self.environment.get("REQUESTS_CA_BUNDLE")
        return Authorities((bundle,), (), "REQUESTS_CA_BUNDLE") if bundle else Authorities()

    def _first(self, *names: str) -> tuple[str, str] | None:
        """Return the first of the variables that is set, with its name."""
        for name in names:
            if self.environment.get(name, "").strip():
                return name, self.environment[name].strip()
        return None


def _read_proxy(source: str, text: str) -> Proxy:
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise _unusable(source, "is not the URL of a proxy")
    if parts.scheme not in _PROXY_SCHEMES:
        raise _unusable(source, f"begins with none of {', '.join(_PROXY_SCHEMES)}")
    return Proxy(url, source)


def _unusable(source: str, problem: str) -> OptionValueError:
    # The value is not shown: it may hold a password.
    return OptionValueError(
        f"{source} {problem}.", code="bad_proxy", where=source, hint=f"Example: {_EXAMPLE}"
    )


def _is_excepted(host: str, port: int, source: str, text: str) -> bool:
    """Tell whether NO_PROXY names a host: by name, domain, address, network, each with a port."""
    return any(_matches(entry, host, port, source) for entry in re.split(r"[,\s]+", text) if entry)


def _matches(entry: str, host: str, port: int, source: str) -> bool:
    if entry == "*":
        return True
    name, wanted = _split_port(entry)
    if wanted is not None and wanted != port:
        return False
    address = _address(host)
    if "/" in name:
        try:
            network = ipaddress.ip_network(name, strict=False)
        except ValueError:
            raise OptionValueError(
                f"{source} holds {entry!r}, which is not a network.",
                code="bad_proxy",
                where=source,
                hint="Example: 10.0.0.0/8",
            ) from None
        return address is not None and address in network
    if address is not None:
        return _address(name) == address
    domain = name.lower().removeprefix("*").removeprefix(".").rstrip(".")
    host = host.lower().rstrip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _split_port(entry: str) -> tuple[str, int | None]:
    """Return an entry's name and its port, None if it has none; an IPv6 address is no port."""
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(\d+))?", entry)
    if bracketed:
        return bracketed[1], int(bracketed[2]) if bracketed[2] else None
    plain = re.fullmatch(r"([^:]*):(\d+)", entry)
    return (plain[1], int(plain[2])) if plain else (entry, None)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
