"""Through a proxy and with a private authority's certificate, as many companies have both."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import trustme
from support.command_line import falcoport
from support.proxies import Listener, listening, proxy_to, tls_port, write_authority

from falcoport.errors import EXIT_ACCESS, EXIT_CHECK, EXIT_PORT, EXIT_USAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AUTHORITY = trustme.CA(organization_name="Example Corp")
HOST = "port.example"
SHOW = ("show-url", "--api-url", f"https://{HOST}", "-o", "json")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT_CLIENT_ID", "id")
    monkeypatch.setenv("PORT_CLIENT_SECRET", "secret-4711")


@pytest.fixture(scope="module")
def port() -> Iterator[Listener]:
    with listening(tls_port(AUTHORITY.issue_cert(HOST, "127.0.0.1"))) as running:
        yield running


def test_a_proxy_leads_to_port(
    port: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", write_authority(AUTHORITY, tmp_path))
    with listening(proxy_to(port.port, "pass-4711")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass-4711@127.0.0.1:{proxy.port}")
        ran = falcoport(*SHOW)
    # Port answered through the proxy, and has no webhook.
    assert ran.exit_code == EXIT_CHECK, ran.everything
    assert proxy.seen[0].startswith(f"CONNECT {HOST}:443 ")
    assert "pass-4711" not in ran.everything


def test_a_proxy_that_asks_for_a_password_is_named(
    port: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(proxy_to(port.port, "pass-4711")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:wrong-4711@127.0.0.1:{proxy.port}")
        ran = falcoport(*SHOW)
    assert ran.exit_code == EXIT_ACCESS, ran.everything
    [error] = ran.envelope["errors"]
    assert error["code"] == "proxy_credentials"
    assert f"http://127.0.0.1:{proxy.port}" in error["message"]
    assert "HTTPS_PROXY" in error["where"] + error["hint"]
    assert "wrong-4711" not in ran.everything
    assert len(proxy.seen) == 1


def test_a_proxy_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass-4711@127.0.0.1:9")
    ran = falcoport(*SHOW)
    assert ran.exit_code == EXIT_PORT
    assert "through the proxy http://127.0.0.1:9:" in ran.envelope["errors"][0]["message"]
    assert "pass-4711" not in ran.everything


def test_loopback_needs_no_proxy_but_its_certificate_is_checked(
    port: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    line = ("show-url", "--api-url", f"https://127.0.0.1:{port.port}", "-o", "json")
    before = len(port.seen)
    ran = falcoport(*line)
    assert ran.exit_code == EXIT_PORT
    [error] = ran.envelope["errors"]
    assert error["code"] == "bad_certificate"
    for told in ("127.0.0.1", "Example Corp", "does not verify"):
        assert told in error["message"]
    assert "SSL_CERT_FILE" in error["hint"]
    # Not a request was sent to whom nobody vouches for.
    assert len(port.seen) == before
    monkeypatch.setenv("SSL_CERT_FILE", write_authority(AUTHORITY, tmp_path))
    assert falcoport(*line).exit_code == EXIT_CHECK


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_file_of_certificates(
    name: str, port: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, write_authority(AUTHORITY, tmp_path))
    line = ("show-url", "--api-url", f"https://127.0.0.1:{port.port}")
    assert falcoport(*line).exit_code == EXIT_CHECK


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")
@pytest.mark.parametrize("name", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_a_folder_of_certificates(
    name: str, port: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_authority(AUTHORITY, tmp_path)
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, timeout=20)
    monkeypatch.setenv(name, str(tmp_path))
    line = ("show-url", "--api-url", f"https://127.0.0.1:{port.port}")
    assert falcoport(*line).exit_code == EXIT_CHECK


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_what_holds_no_certificates_names_its_variable(
    name: str, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    monkeypatch.setenv(name, str(file))
    ran = falcoport(*SHOW)
    assert ran.exit_code == EXIT_USAGE, ran.everything
    assert ran.envelope["errors"][0]["code"] == "bad_certificates"
    assert name in ran.envelope["errors"][0]["message"]


@pytest.mark.parametrize("value", ["gopher://proxy", "http://"])
def test_a_proxy_that_cannot_be_used_names_its_variable(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    ran = falcoport(*SHOW)
    assert ran.exit_code == EXIT_USAGE
    assert "HTTPS_PROXY" in ran.envelope["errors"][0]["message"]


def test_a_socks_proxy_is_reached_or_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    ran = falcoport(*SHOW)
    [error] = ran.envelope["errors"]
    if ran.exit_code == EXIT_USAGE:
        assert "falcoport[socks]" in error["hint"]
    else:
        assert (ran.exit_code, error["code"]) == (EXIT_PORT, "unreachable")
