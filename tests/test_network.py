"""Proxies, the hosts that do without, and whose certificates count: as the environment says."""

from __future__ import annotations

import pytest

from falcoport.errors import EXIT_USAGE, OptionValueError
from falcoport.network import Authorities, Network

URL = "https://api.port.io"
PROXY = "http://user:secret-4711@proxy.example:3128"


@pytest.mark.parametrize(
    ("environment", "url", "source"),
    [
        ({}, URL, None),
        ({"HTTPS_PROXY": PROXY}, URL, "HTTPS_PROXY"),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, URL, "https_proxy"),
        ({"ALL_PROXY": PROXY}, URL, "ALL_PROXY"),
        ({"all_proxy": "http://other:1", "HTTPS_PROXY": PROXY}, URL, "HTTPS_PROXY"),
        ({"HTTP_PROXY": PROXY}, URL, None),
        ({"HTTP_PROXY": PROXY}, "http://falcosidekick.falco:2801", "HTTP_PROXY"),
        ({"HTTPS_PROXY": "  "}, URL, None),
        ({"HTTPS_PROXY": PROXY}, "https://127.0.0.1:8443", None),
        ({"HTTPS_PROXY": PROXY}, "https://localhost", None),
        ({"HTTPS_PROXY": PROXY}, "https://[::1]:8443", None),
    ],
)
def test_the_variable_that_names_the_proxy(
    environment: dict[str, str], url: str, source: str | None
) -> None:
    proxy = Network(environment).find_proxy(url)
    assert (proxy.source if proxy else None) == source


@pytest.mark.parametrize(
    ("exceptions", "url", "direct"),
    [
        ("*", URL, True),
        ("api.port.io", URL, True),
        ("port.io", URL, True),
        (".port.io", URL, True),
        ("*.port.io", URL, True),
        ("ort.io", URL, False),
        ("API.PORT.IO.", URL, True),
        ("port.io:443", URL, True),
        ("port.io:8443", URL, False),
        ("port.io:8443", "https://api.port.io:8443", True),
        ("a.example, port.io", URL, True),
        ("a.example port.io", URL, True),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://10.example", False),
        ("10.1.2.3", "https://10.1.2.3:8443", True),
        ("10.1.2.3:443", "https://10.1.2.3:8443", False),
        ("1.2.3", "https://0.1.2.3", False),
        ("fd00::/8", "https://[fd12::1]", True),
        ("fd00::/8", "https://[fe80::1]", False),
        ("fd12::1", "https://[fd12:0::1]:8443", True),
        ("[fd12::1]", "https://[fd12::1]", True),
        ("[fd12::1]:443", "https://[fd12::1]:8443", False),
        ("", URL, False),
        (",", URL, False),
    ],
)
def test_the_hosts_that_do_without(exceptions: str, url: str, direct: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        network = Network({"HTTPS_PROXY": PROXY, name: exceptions})
        assert (network.find_proxy(url) is None) is direct


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "http://"),
        ("HTTPS_PROXY", "ftp://user:secret-4711@proxy.example"),
        ("HTTPS_PROXY", "http://secret-4711:99999999@proxy:99999"),
        ("HTTPS_PROXY", "http://pro xy"),
        ("HTTPS_PROXY", "http://[::1"),
        ("ALL_PROXY", "socks9://proxy.example"),
    ],
)
def test_a_value_that_is_no_proxy_names_its_variable_alone(name: str, value: str) -> None:
    with pytest.raises(OptionValueError) as caught:
        Network({name: value}).find_proxy(URL)
    assert caught.value.exit_code == EXIT_USAGE
    assert name in caught.value.message
    assert "secret-4711" not in caught.value.message + caught.value.hint


def test_a_network_that_is_none_names_no_proxy() -> None:
    with pytest.raises(OptionValueError, match=r"NO_PROXY holds '10\.0\.0\.0/99'"):
        Network({"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/99"}).find_proxy(URL)


def test_a_proxys_password_is_never_shown() -> None:
    proxy = Network({"HTTPS_PROXY": PROXY}).find_proxy(URL)
    assert proxy is not None
    assert proxy.address == "http://proxy.example:3128"
    assert "secret-4711" not in repr(proxy)
    assert "secret-4711" not in repr(Network({"HTTPS_PROXY": PROXY}))


def test_a_proxy_without_a_scheme_speaks_http() -> None:
    proxy = Network({"HTTPS_PROXY": "proxy.example:3128"}).find_proxy(URL)
    assert proxy is not None
    assert proxy.url == "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Authorities()),
        ({"SSL_CERT_FILE": "f"}, Authorities(("f",), (), "SSL_CERT_FILE")),
        ({"SSL_CERT_DIR": "a:b"}, Authorities((), ("a", "b"), "SSL_CERT_DIR")),
        (
            {"SSL_CERT_FILE": "f", "SSL_CERT_DIR": "d", "REQUESTS_CA_BUNDLE": "r"},
            Authorities(("f",), ("d",), "SSL_CERT_FILE and SSL_CERT_DIR"),
        ),
        ({"REQUESTS_CA_BUNDLE": "r"}, Authorities(("r",), (), "REQUESTS_CA_BUNDLE")),
        ({"SSL_CERT_FILE": ""}, Authorities()),
    ],
)
def test_whose_certificates_count(environment: dict[str, str], expected: Authorities) -> None:
    assert Network(environment).find_authorities() == expected
