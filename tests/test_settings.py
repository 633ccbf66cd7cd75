"""Which Port, as whom: options over environment over defaults, each value with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.command_line import falcoport

from falcoport.errors import EXIT_PORT, EXIT_USAGE, UsageError
from falcoport.settings import (
    Secret,
    SettingOptions,
    Sourced,
    base_url,
    resolve,
)
from falcoport.urls import is_loopback

if TYPE_CHECKING:
    from falcoport.sandbox.options import RunningSandbox

CREDENTIALS = {"PORT_CLIENT_ID": "id", "PORT_CLIENT_SECRET": "secret-4711"}


def test_without_anything_but_credentials_it_is_the_european_port() -> None:
    settings = resolve(SettingOptions(), CREDENTIALS)
    assert settings.client_id == Sourced("id", "PORT_CLIENT_ID")
    assert settings.client_secret.reveal() == "secret-4711"
    assert settings.client_secret_source == "PORT_CLIENT_SECRET"
    assert settings.api_url == Sourced("https://api.port.io", "default")
    assert settings.region == Sourced("eu", "default")
    assert settings.timeout == 10


def test_options_win_over_the_environment() -> None:
    options = SettingOptions("other", "other-secret", None, "US", 2.5)
    settings = resolve(options, {**CREDENTIALS, "PORT_API_URL": "https://port.example"})
    assert settings.client_id == Sourced("other", "--client-id")
    assert settings.client_secret.reveal() == "other-secret"
    assert settings.client_secret_source == "--client-secret-file"
    assert settings.api_url == Sourced("https://api.us.port.io", "--region")
    assert settings.region == Sourced("us", "--region")
    assert settings.timeout == 2.5


@pytest.mark.parametrize(
    ("options", "environment", "url", "region", "source"),
    [
        ({}, {"PORT_REGION": "us"}, "https://api.us.port.io", "us", "PORT_REGION"),
        ({}, {"PORT_REGION": " EU "}, "https://api.port.io", "eu", "PORT_REGION"),
        ({}, {"PORT_REGION": ""}, "https://api.port.io", "eu", "default"),
        (
            {},
            {"PORT_BASE_URL": "https://a.example"},
            "https://a.example",
            "custom",
            "PORT_BASE_URL",
        ),
        (
            {},
            {"PORT_BASE_URL": "https://a.example", "PORT_API_URL": "https://b.example"},
            "https://b.example",
            "custom",
            "PORT_API_URL",
        ),
        (
            {},
            {"PORT_REGION": "us", "PORT_API_URL": "https://b.example"},
            "https://b.example",
            "custom",
            "PORT_API_URL",
        ),
        (
            {},
            {"PORT_API_URL": "https://api.us.port.io/v1"},
            "https://api.us.port.io",
            "us",
            "PORT_API_URL",
        ),
        (
            {"api_url": "https://c.example", "region": "us"},
            {"PORT_API_URL": "https://b.example"},
            "https://c.example",
            "custom",
            "--api-url",
        ),
    ],
)
def test_an_address_comes_from_the_first_that_names_one(
    options: dict[str, str], environment: dict[str, str], url: str, region: str, source: str
) -> None:
    settings = resolve(SettingOptions(**options), CREDENTIALS | environment)  # type: ignore[arg-type]
    assert settings.api_url == Sourced(url, source)
    assert settings.region == Sourced(region, source)


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({}, "PORT_CLIENT_ID and PORT_CLIENT_SECRET"),
        ({"PORT_CLIENT_ID": "id"}, "PORT_CLIENT_SECRET"),
        ({"PORT_CLIENT_ID": " ", "PORT_CLIENT_SECRET": "x"}, "PORT_CLIENT_ID"),
    ],
)
def test_missing_credentials_are_named(environment: dict[str, str], missing: str) -> None:
    with pytest.raises(UsageError, match=f"{missing} not set") as caught:
        resolve(SettingOptions(), environment)
    assert caught.value.exit_code == EXIT_USAGE
    assert "Credentials" in caught.value.hint


def test_an_unknown_region_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="'mars': Port has eu and us"):
        resolve(SettingOptions(region="mars"), CREDENTIALS)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 1e300])
def test_a_timeout_is_a_sensible_number_of_seconds(timeout: float) -> None:
    with pytest.raises(UsageError, match="--timeout must be"):
        resolve(SettingOptions(timeout=timeout), CREDENTIALS)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://api.port.io", "https://api.port.io"),
        ("https://api.port.io/", "https://api.port.io"),
        ("https://api.port.io/v1", "https://api.port.io"),
        ("https://api.port.io/v1/", "https://api.port.io"),
        ("https://api.port.io//v1//", "https://api.port.io"),
        ("https://proxy.example/port/v1", "https://proxy.example/port"),
        ("https://proxy.example:8443/port", "https://proxy.example:8443/port"),
        ("http://localhost:8010", "http://localhost:8010"),
        ("http://127.0.0.1:8010/v1", "http://127.0.0.1:8010"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://[::1]:8010", "http://[::1]:8010"),
    ],
)
def test_an_api_url_is_accepted_with_and_without_v1(given: str, expected: str) -> None:
    assert base_url(given, "PORT_API_URL") == expected


@pytest.mark.parametrize(
    "given",
    [
        "api.port.io",
        "ftp://api.port.io",
        "https://",
        "https:///v1",
        "https://host:port",
        "https://host:99999",
        "https://api..port.io",
        f"https://{'a' * 64}.port.io",
        "https://[::1",
        "https://api.port.io/v1?x=1",
        "https://api.port.io/#x",
        "https://user@api.port.io",
        "https://user:word@api.port.io",
        "https://@api.port.io",
        "https://api.port.io /v1",
        "https://api.port.io\nX: y",
        "https://api.port.io\x1b[31m",
    ],
)
def test_an_api_url_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(UsageError) as caught:
        base_url(given, "PORT_API_URL")
    assert caught.value.where == "PORT_API_URL"


@pytest.mark.parametrize(
    "given",
    [
        "http://api.port.io",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://evil.example/127.0.0.1",
        "http://0.0.0.0:8010",
        "http://10.0.0.1",
        "http://127.1",
        "http://2130706433",
        "HTTP://api.port.io",
    ],
)
def test_plain_http_is_for_loopback_only(given: str) -> None:
    with pytest.raises(UsageError, match="must use https://"):
        base_url(given, "--api-url")


def test_loopback_is_told_by_the_parsed_address() -> None:
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.255.255.254", "::1"]))
    assert not any(map(is_loopback, ["", "localhost.example", "127.0.0.1.example", "::2"]))


def test_no_representation_holds_the_secret() -> None:
    options = SettingOptions(client_secret="secret-4711")
    settings = resolve(options, CREDENTIALS)
    secret = Secret("secret-4711")
    shown = f"{options!r} {settings!r} {settings} {secret} {secret!r}"
    assert "secret-4711" not in shown


@pytest.mark.parametrize("command", ["setup", "show-url", "teardown", "status"])
def test_an_address_that_is_not_ports_is_no_missing_webhook(
    pointed: RunningSandbox, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("PORT_API_URL", f"{pointed.url}/v2")
    ran = falcoport(command)
    assert ran.exit_code == EXIT_PORT
    assert ran.errors == ["That is not an answer of Port's API: status 404."]
    assert "Check PORT_API_URL" in ran.stderr


@pytest.mark.parametrize("name", ["PORT_CLIENT_ID", "PORT_CLIENT_SECRET", "PORT_API_URL"])
def test_bytes_that_are_no_text_are_named(name: str) -> None:
    given = {"PORT_CLIENT_ID": "id", "PORT_CLIENT_SECRET": "secret", name: "\udcff"}
    with pytest.raises(UsageError) as caught:
        resolve(SettingOptions(), given)
    assert caught.value.exit_code == 2
    assert caught.value.message == f"{name} is not UTF-8 text."
