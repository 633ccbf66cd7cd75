"""One request and what becomes of it: which failures are retried, and what each is called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from falcoport.errors import (
    CredentialsError,
    FalcoportError,
    PermissionsError,
    PortError,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from falcoport.port.errors import (
    DependentsError,
    NotFoundError,
    TakenError,
    UnknownOutcomeError,
)
from falcoport.port.retry import ATTEMPTS
from falcoport.port.transport import Transport
from falcoport.settings import SettingOptions, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "client-secret-4711"
SETTINGS = resolve(
    SettingOptions(api_url="https://port.example"),
    {"PORT_CLIENT_ID": "id", "PORT_CLIENT_SECRET": SECRET},
)


class Port:
    """A Port that gives tokens, and answers anything else with what each call of `give` gives."""

    def __init__(self, *give: Callable[[httpx.Request], httpx.Response]) -> None:
        self.requests: list[httpx.Request] = []
        self.tokens = 0
        self._give = give

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/auth/access_token":
            self.tokens += 1
            return httpx.Response(200, json={"ok": True, "accessToken": f"token-{self.tokens}"})
        self.requests.append(request)
        give = self._give[min(len(self.requests), len(self._give)) - 1]
        return give(request)

    def transport(self) -> Transport:
        """Return a client of it."""
        return Transport(SETTINGS, transport=httpx.MockTransport(self))


def gives(
    status: int, body: Any = None, headers: dict[str, str] | None = None
) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _request: httpx.Response(status, json=body or {"ok": True}, headers=headers)


def breaks(error: type[Exception]) -> Callable[[httpx.Request], httpx.Response]:
    def give(request: httpx.Request) -> httpx.Response:
        if error is httpx.HTTPStatusError:
            raise httpx.HTTPStatusError("It.", request=request, response=httpx.Response(500))
        raise made(error)

    return give


def made(error: Callable[..., Exception]) -> Exception:
    """Return an exception of a class, whether or not its constructor takes a message."""
    try:
        return error("It.")
    except TypeError:
        return error()


OK = gives(200, {"ok": True, "found": 1})


def every_exception_of_httpx() -> Iterator[type[Exception]]:
    for name in sorted(httpx.__all__):
        found = getattr(httpx, name)
        if isinstance(found, type) and issubclass(found, Exception):
            yield found


@pytest.mark.parametrize("error", list(every_exception_of_httpx()))
def test_no_exception_of_httpx_gets_through(error: type[Exception]) -> None:
    failed = UnreachableError | UnknownOutcomeError
    with pytest.raises(PortError) as caught:
        Port(breaks(error)).transport().read("/v1/x")
    assert isinstance(caught.value, failed)
    with pytest.raises(PortError) as caught:
        Port(breaks(error)).transport().write("PATCH", "/v1/x", body={})
    assert isinstance(caught.value, failed)


def test_a_read_is_repeated_until_it_works() -> None:
    port = Port(breaks(httpx.ReadError), gives(503), gives(429), OK)
    assert port.transport().read("/v1/x") == {"ok": True, "found": 1}
    assert len(port.requests) == 4


def test_a_read_is_not_repeated_for_ever() -> None:
    port = Port(breaks(httpx.ReadTimeout))
    with pytest.raises(UnreachableError, match="did not answer within 10 s"):
        port.transport().read("/v1/x")
    assert len(port.requests) == ATTEMPTS


@pytest.mark.parametrize(
    "failure",
    [breaks(httpx.ConnectError), breaks(httpx.ConnectTimeout), gives(429)],
    ids=["refused", "no connection", "429"],
)
def test_a_write_that_surely_did_nothing_is_repeated(
    failure: Callable[[httpx.Request], httpx.Response],
) -> None:
    port = Port(failure, OK)
    assert port.transport().write("POST", "/v1/x", body={})["found"] == 1
    assert len(port.requests) == 2


@pytest.mark.parametrize(
    "failure",
    [
        *map(breaks, (httpx.ReadError, httpx.WriteError, httpx.ReadTimeout, httpx.WriteTimeout)),
        breaks(httpx.RemoteProtocolError),
        *map(gives, (408, 500, 502, 503, 504)),
        lambda _request: httpx.Response(200, text="<html>"),
        lambda _request: httpx.Response(200, json=["a list"]),
        lambda _request: httpx.Response(200, json={"ok": False}),
    ],
)
def test_a_write_that_may_have_done_something_is_never_repeated(
    failure: Callable[[httpx.Request], httpx.Response],
) -> None:
    port = Port(failure, OK)
    with pytest.raises(UnknownOutcomeError):
        port.transport().write("POST", "/v1/x", body={})
    assert len(port.requests) == 1


def test_an_expired_token_is_renewed_once() -> None:
    port = Port(gives(401), OK)
    port.transport().write("POST", "/v1/x", body={})
    assert [r.headers["authorization"] for r in port.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


def test_a_token_that_is_refused_twice_is_an_error_of_access() -> None:
    port = Port(gives(401, {"ok": False, "error": "x", "message": "No"}))
    with pytest.raises(CredentialsError, match="No"):
        port.transport().read("/v1/x")
    assert (len(port.requests), port.tokens) == (2, 2)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "bad_request", RefusedError),
        (403, "missing_permissions", PermissionsError),
        (403, "has_dependents", DependentsError),
        (404, "not_found", NotFoundError),
        (409, "identifier_taken", TakenError),
        (413, "bad_request", RefusedError),
        (422, "invalid_request", RefusedError),
        (418, "", RefusedError),
        (302, "", UnexpectedAnswerError),
    ],
)
def test_each_refusal_has_its_class_and_ports_own_words(
    status: int, code: str, kind: type[FalcoportError]
) -> None:
    body = {"ok": False, "error": code, "message": "Because\n of\x00 that"}
    with pytest.raises(kind) as caught:
        Port(gives(status, body)).transport().write("POST", "/v1/x", body={})
    assert type(caught.value) is kind
    assert "Because of\x00 that" in caught.value.message
    assert caught.value.where == "POST /v1/x"


@pytest.mark.parametrize("status", [403, 404, 409, 422])
def test_a_refusal_that_is_no_answer_of_ports_is_told_apart(status: int) -> None:
    def page(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, html="<h1>Blocked by the firewall</h1>")

    with pytest.raises((UnexpectedAnswerError, PermissionsError)) as caught:
        Port(page).transport().read("/v1/x")
    assert "text/html" in caught.value.message
    assert "firewall" not in caught.value.message


def test_bad_credentials_name_where_they_come_from() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"ok": False, "error": "invalid_credentials"})

    transport = Transport(SETTINGS, transport=httpx.MockTransport(refuse))
    with pytest.raises(CredentialsError) as caught:
        transport.authenticate()
    assert "PORT_CLIENT_SECRET" in caught.value.hint


@pytest.mark.parametrize("token", [None, 1, "", "tök", ["x"]])
def test_a_token_that_is_none_is_an_unexpected_answer(token: Any) -> None:
    def give(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"ok": True, "accessToken": token})

    with pytest.raises(UnexpectedAnswerError):
        Transport(SETTINGS, transport=httpx.MockTransport(give)).authenticate()


def test_what_port_says_is_quoted_without_our_secrets() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        said = f"{request.headers['authorization']} and {SECRET} " + "x" * 1000
        return httpx.Response(422, json={"ok": False, "error": "invalid", "message": said})

    with pytest.raises(RefusedError) as caught:
        Port(echo).transport().read("/v1/x")
    assert "Bearer *** and *** xxx" in caught.value.message
    assert len(caught.value.message) < 500


def test_a_limit_that_lasts_too_long_is_not_waited_for() -> None:
    port = Port(gives(429, headers={"Retry-After": "3600"}))
    with pytest.raises(PortError) as caught:
        port.transport().read("/v1/x")
    assert len(port.requests) == 1
    assert "3600 s" in caught.value.hint


def test_a_limit_that_asks_for_no_pause_is_still_bounded() -> None:
    port = Port(gives(429, headers={"Retry-After": "0"}))
    with pytest.raises(PortError) as caught:
        port.transport().read("/v1/x")
    assert len(port.requests) == ATTEMPTS
    assert " 0 s" not in caught.value.hint


def test_requests_are_observed_without_their_contents() -> None:
    seen: list[str] = []
    port = Port(gives(500), OK)
    transport = Transport(
        SETTINGS,
        observe=lambda exchange: seen.append(repr(exchange)),
        transport=httpx.MockTransport(port),
    )
    transport.read("/v1/x", body={"a": "content"}, query={"b": "asked"})
    assert len(seen) == 3
    assert not any(word in "".join(seen) for word in (SECRET, "token-1", "content"))


def test_the_token_call_sends_exactly_the_two_credentials() -> None:
    bodies: list[Any] = []

    def give(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        assert "authorization" not in request.headers
        return httpx.Response(200, json={"ok": True, "accessToken": "t"})

    Transport(SETTINGS, transport=httpx.MockTransport(give)).authenticate()
    assert bodies == [{"clientId": "id", "clientSecret": SECRET}]
