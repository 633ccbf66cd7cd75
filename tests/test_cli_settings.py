"""Which Port, as whom: options, environment, defaults, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import falcoport

from falcoport.errors import EXIT_PORT, EXIT_USAGE, UsageError
from falcoport.settings import LONGEST_TIMEOUT, SettingOptions, Settings, Sourced, resolve

if TYPE_CHECKING:
    from falcoport.sandbox.server import RunningSandbox

CREDENTIALS = {"PORT_CLIENT_ID": "id", "PORT_CLIENT_SECRET": "not for the screen"}


def resolved(options: SettingOptions | None = None, **environment: str) -> Settings:
    return resolve(options or SettingOptions(), CREDENTIALS | environment)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.port.io", "https://api.port.io"),
        ("https://api.port.io/v1", "https://api.port.io"),
        (" https://api.port.io/v1/ ", "https://api.port.io"),
        ("https://gateway.example/port/v1", "https://gateway.example/port"),
        ("http://localhost:8010/", "http://localhost:8010"),
        ("http://[::1]:8010/v1", "http://[::1]:8010"),
    ],
)
def test_an_api_url_is_taken_with_and_without_its_version(given: str, used: str) -> None:
    assert resolved(PORT_API_URL=given).api_url == Sourced(used, "PORT_API_URL")
    assert resolved(PORT_BASE_URL=given).api_url == Sourced(used, "PORT_BASE_URL")
    options = SettingOptions(api_url=given)
    assert resolved(options, PORT_API_URL="https://other.example").api_url.value == used


@pytest.mark.parametrize(
    "given",
    [
        "api.port.io",
        "ftp://api.port.io",
        "https://",
        "https://api.port.io:99999",
        "https://api. port.io",
        "https://api..port.io",
        f"https://{'a' * 64}.port.io",
        "https://user:pass@api.port.io",
        "https://api.port.io/v1?region=eu",
        "http://api.port.io",
        "http://127.0.0.1.example.com",
    ],
)
def test_a_url_that_is_not_safe_to_use_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(UsageError) as refused:
        resolved(PORT_API_URL=given)
    assert refused.value.where == "PORT_API_URL"
    assert "pass" not in refused.value.message.replace("password", "")


def test_regions_are_known_in_any_case_and_others_are_refused() -> None:
    assert resolved().api_url.value == "https://api.port.io"
    assert resolved(PORT_REGION=" US ").api_url.value == "https://api.us.port.io"
    assert resolved(PORT_REGION="").region == Sourced("eu", "default")
    with pytest.raises(UsageError, match="Unknown region 'xx'"):
        resolved(PORT_REGION="xx")


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 2 * LONGEST_TIMEOUT])
def test_a_timeout_that_no_request_can_have_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match="--timeout must be more than 0 seconds"):
        resolved(SettingOptions(timeout=seconds))


def test_what_to_check_is_something_that_can_be_set() -> None:
    assert resolved().address_setting == "PORT_REGION"
    assert resolved(PORT_API_URL="https://a.example").address_setting == "PORT_API_URL"


@pytest.mark.parametrize("command", ["setup", "show-url", "teardown", "status"])
def test_an_address_that_is_not_ports_is_no_missing_webhook(
    pointed: RunningSandbox, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("PORT_API_URL", f"{pointed.url}/v2")
    ran = falcoport(command)
    assert ran.exit_code == EXIT_PORT
    assert ran.errors == ["That is not an answer of Port's API: status 404."]
    assert "Check PORT_API_URL" in ran.stderr


def test_without_credentials_everything_missing_is_named() -> None:
    ran = falcoport("setup", "-o", "json")
    assert ran.exit_code == EXIT_USAGE
    assert ran.errors == ["No credentials for Port: PORT_CLIENT_ID and PORT_CLIENT_SECRET not set."]
