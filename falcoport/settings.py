"""Which Port, as whom, and with which time limit: one frozen object, each value with its source.

Pure: the caller hands over the environment and what options and files said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from falcoport.errors import CredentialsMissingError, OptionValueError, UsageError
from falcoport.network import Network
from falcoport.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

REGIONS = {"eu": "https://api.port.io", "us": "https://api.us.port.io"}
"""API base URL per region (Port docs, "API regions"; the older getport.io names are aliases)."""

_APPS = {
    "https://api.port.io": "https://app.port.io",
    "https://api.getport.io": "https://app.port.io",
    "https://api.us.port.io": "https://app.us.port.io",
    "https://api.us.getport.io": "https://app.us.port.io",
}
"""Port's web pages by its API's address (Port docs, API reference)."""

CLIENT_ID = "PORT_CLIENT_ID"
CLIENT_SECRET = "PORT_CLIENT_SECRET"  # noqa: S105 -- the name of a variable, not a secret
API_URL = "PORT_API_URL"
BASE_URL = "PORT_BASE_URL"  # what Port's Terraform provider calls the same thing
REGION = "PORT_REGION"
WEBHOOK_SECRET = "FALCOPORT_WEBHOOK_SECRET"  # noqa: S105 -- the name of a variable, not a secret
WEBHOOK_URL = "FALCOPORT_WEBHOOK_URL"

DEFAULT_REGION = "eu"
DEFAULT_TIMEOUT = 10.0
LONGEST_TIMEOUT = 3600.0

_HOW_TO_GET_CREDENTIALS = (
    f"In Port, open the … menu, Credentials, and copy both values; then "
    f"export {CLIENT_ID}=… {CLIENT_SECRET}=… (to try without an account: falcoport demo)"
)


def find_app_url(api_url: str) -> str:
    """Return the address of Port's web pages by that of its API; a sandbox has both in one."""
    return _APPS.get(api_url, api_url)


@dataclass(frozen=True)
class Secret:
    """A text that never shows itself; `reveal()` where a request needs it."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True)
class Sourced:
    """A value and where it came from: an option, an environment variable, or "default"."""

    value: str
    source: str


@dataclass(frozen=True)
class SettingOptions:
    """What the command line said; None where it said nothing.

    `client_secret` is the content of the file that `--client-secret-file` names.
    """

    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    api_url: str | None = None
    region: str | None = None
    timeout: float = DEFAULT_TIMEOUT


@dataclass(frozen=True)
class FileSettings:
    """What files say, behind options and environment.

    `region` and `api_url` are those of `falcoport.yaml`, whose name is `source`. The rest is an
    organization of Port's own CLI, `org_source` its file and name.
    """

    source: str = ""
    region: str | None = None
    api_url: str | None = None
    org_source: str = ""
    org_client_id: str | None = None
    org_client_secret: str | None = field(default=None, repr=False)
    org_api_url: str | None = None


NO_FILES = FileSettings()


@dataclass(frozen=True)
class Settings:
    """Everything a client of Port needs.

    `api_url` is the base without `/v1`; `timeout` is seconds for the whole of an answer.
    """

    client_id: Sourced
    client_secret: Secret
    client_secret_source: str
    api_url: Sourced
    region: Sourced
    timeout: float
    network: Network = field(default_factory=Network)


def resolve(
    options: SettingOptions, environment: Mapping[str, str], files: FileSettings = NO_FILES
) -> Settings:
    """Combine options, environment, files and defaults; what stands first here wins.

    Raises CredentialsMissingError without credentials, UsageError for an unknown region or a URL
    that cannot be used.
    """
    client_id = _first(
        ("--client-id", options.client_id),
        (CLIENT_ID, environment.get(CLIENT_ID)),
        (files.org_source, files.org_client_id),
    )
    secret = _first(
        ("--client-secret-file", options.client_secret),
        (CLIENT_SECRET, environment.get(CLIENT_SECRET)),
        (files.org_source, files.org_client_secret),
    )
    missing = [
        name for name, value in ((CLIENT_ID, client_id), (CLIENT_SECRET, secret)) if value is None
    ]
    if client_id is None or secret is None:
        raise CredentialsMissingError(
            f"No credentials for Port: {' and '.join(missing)} not set.",
            where="environment",
            hint=_HOW_TO_GET_CREDENTIALS,
        )
    api_url, region = _address(options, environment, files)
    if not 0 < options.timeout <= LONGEST_TIMEOUT:
        raise UsageError(
            f"--timeout must be more than 0 and at most {LONGEST_TIMEOUT:g} seconds, "
            f"not {options.timeout:g}.",
            where="--timeout",
        )
    return Settings(
        client_id=client_id,
        client_secret=Secret(secret.value),
        client_secret_source=secret.source,
        api_url=api_url,
        region=region,
        timeout=options.timeout,
        network=Network(environment),
    )


def _first(*candidates: tuple[str, str | None]) -> Sourced | None:
    for source, text in candidates:
        if text is not None and text.strip():
            _check_encoding(text, source)
            return Sourced(text.strip(), source)
    return None


def _check_encoding(text: str, source: str) -> None:
    """Raise OptionValueError for bytes that are not text, as a terminal or a variable may hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        message = f"{source} is not UTF-8 text."
        raise OptionValueError(message, where=source) from None


def _address(
    options: SettingOptions, environment: Mapping[str, str], files: FileSettings
) -> tuple[Sourced, Sourced]:
    """Return the API URL and the region; in the same layer, a URL wins over a region."""
    named = _first(
        ("--api-url", options.api_url),
        ("--region", options.region),
        (API_URL, environment.get(API_URL)),
        (BASE_URL, environment.get(BASE_URL)),
        (REGION, environment.get(REGION)),
        (f"{files.source}: port.api_url", files.api_url),
        (f"{files.source}: port.region", files.region),
        (files.org_source, files.org_api_url),
        ("default", DEFAULT_REGION),
    )
    assert named is not None  # the default is never empty
    if named.value.lower() not in REGIONS and named.source not in ("--region", REGION):
        url = Sourced(base_url(named.value, named.source), named.source)
        region = next((name for name, known in REGIONS.items() if known == url.value), "custom")
        return url, Sourced(region, named.source)
    region = named.value.lower()
    if region not in REGIONS:
        raise UsageError(
            f"Unknown region {named.value!r}: Port has {' and '.join(REGIONS)}.",
            code="unknown_region",
            where=named.source,
        )
    return Sourced(REGIONS[region], named.source), Sourced(region, named.source)


def base_url(text: str, source: str) -> str:
    """Return an API URL without a trailing `/v1` or slash, after checking that it is safe to use.

    `source` names where it came from, for the error. Raises UsageError for anything that is not
    `https://host…`, or `http://` to this machine's loopback.
    """
    hint = f"Example: {REGIONS['eu']}"
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
        host.encode("idna")  # as the look-up of its address will
    except ValueError as error:
        raise UsageError(
            f"{source} is not a URL: {error}.", code="bad_url", where=source, hint=hint
        ) from None
    unsafe = any(character.isspace() or not character.isprintable() for character in text)
    if unsafe or parts.scheme not in ("http", "https") or not host:
        raise UsageError(
            f"{source} must be a URL that begins with https://.",
            code="bad_url",
            where=source,
            hint=hint,
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"{source} must hold neither user, password, query nor fragment.",
            code="bad_url",
            where=source,
            hint=hint,
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(
            f"{source} must use https://: http:// shows the credentials on their way to {host}.",
            code="insecure_url",
            where=source,
            hint="http:// is accepted for loopback only",
        )
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"
