"""Credentials from the configuration of Port's own CLI, for people who have it already.

Its file is `~/.port/config.yaml`, or what PORT_CONFIG_FILE names: organizations by name, each with
`client_id`, `client_secret` and `api_url`, and a `default_org` that PORT_DEFAULT_ORG replaces
(port-experimental/port-cli, README and `internal/config`, 2026-08).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcoport.errors import OptionValueError, UsageError
from falcoport.manifests.documents import UnreadableError, read_document

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_VARIABLE = "PORT_CONFIG_FILE"
ORG_VARIABLE = "PORT_DEFAULT_ORG"


@dataclass(frozen=True)
class Organization:
    """One organization's credentials, and the file and name that they came from."""

    source: str
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    api_url: str | None = None


def find_organization(
    environment: Mapping[str, str], home: Path, name: str | None
) -> Organization | None:
    """Return the organization that is named, or the default one; None without a file.

    Raise OptionValueError for a name that the file does not have, UsageError for a file that was
    named and cannot be read.
    """
    named = environment.get(FILE_VARIABLE)
    path = Path(named) if named else home / ".port" / "config.yaml"
    if not named and name is None and not path.is_file():
        return None
    organizations, default = _read(path, named=bool(named) or name is not None)
    chosen = name or environment.get(ORG_VARIABLE) or default
    if chosen is None and len(organizations) == 1:
        chosen = next(iter(organizations))
    if chosen is None:
        return None
    if chosen not in organizations:
        known = ", ".join(organizations) or "none"
        raise OptionValueError(
            f"{path} has no organization {chosen!r}; it has {known}.",
            where="--org" if name else ORG_VARIABLE,
        )
    entry = organizations[chosen]
    return Organization(
        f"{path} ({chosen})",
        _text(entry, "client_id"),
        _text(entry, "client_secret"),
        _text(entry, "api_url"),
    )


def list_organizations(environment: Mapping[str, str], home: Path) -> tuple[str, ...]:
    """Return the names that the file has; none without a file. Raise UsageError."""
    named = environment.get(FILE_VARIABLE)
    path = Path(named) if named else home / ".port" / "config.yaml"
    return tuple(_read(path, named=bool(named))[0]) if path.is_file() else ()


def _read(path: Path, *, named: bool) -> tuple[dict[str, dict[str, Any]], str | None]:
    """Return the organizations and the default's name; nothing from a file nobody asked for."""
    try:
        value = read_document(path).value
    except UnreadableError as error:
        if not named:
            return {}, None
        raise UsageError(f"{path} {error}.", where=FILE_VARIABLE) from None
    found = value.get("organizations") if isinstance(value, dict) else None
    if not isinstance(found, dict):
        if not named:
            return {}, None
        raise UsageError(
            f"{path} is not a configuration of Port's CLI: it has no organizations.",
            where=FILE_VARIABLE,
        )
    organizations = {str(key): one for key, one in found.items() if isinstance(one, dict)}
    return organizations, _text(value, "default_org")


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value if isinstance(value, str) and value.strip() else None
