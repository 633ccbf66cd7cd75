"""One request to Port and what became of it: tokens, retries, and errors in falcoport's words.

Reads are repeated on anything that may pass. Writes are repeated only where it is certain that
Port did not act (no connection, 401, 429); any other failure of a write leaves its outcome
unknown, and only reading can tell.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx

from falcoport import __version__
from falcoport.errors import (
    AGAIN,
    AccessError,
    CredentialsError,
    FalcoportError,
    PermissionsError,
    PortError,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from falcoport.port.connection import (
    EXCHANGE_ERRORS,
    Answer,
    AnswerTooLargeError,
    GarbledAnswerError,
    describe_certificate_error,
    exchange,
    is_certificate_error,
    open_client,
)
from falcoport.port.errors import (
    DependentsError,
    NotFoundError,
    TakenError,
    TransientError,
    UnknownOutcomeError,
)
from falcoport.port.rate_limit import seconds_to_wait
from falcoport.port.retry import retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcoport.settings import Settings

_TOKEN_PATH = "/v1/auth/access_token"  # noqa: S105 -- a path
_GATEWAY_STATUSES = frozenset({408, 500, 502, 503, 504})
_SHOWN_TEXT = 300
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, for `--verbose`: no bodies, no headers, hence no secrets."""

    method: str
    path: str
    status: int | None
    seconds: float
    note: str = ""


class Transport:
    """A client of one Port with one pair of credentials; safe to use from several threads.

    `observe` is called with each exchange; `transport` replaces the network, for tests.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        observe: Callable[[Exchange], None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._observe = observe or (lambda _exchange: None)
        self._client = open_client(
            settings.network,
            settings.api_url.value,
            headers={"User-Agent": f"falcoport/{__version__}"},
            transport=transport,
        )
        self._token: str | None = None
        self._token_lock = threading.Lock()
        self._early: threading.Thread | None = None
        self._early_failure: Exception | None = None
        self._is_closed = False

    def close(self) -> None:
        """Give up the connections; where a token is still on its way, once that is there."""
        self._is_closed = True
        if self._early is None or not (self._early.is_alive() and self._token_lock.locked()):
            self._client.close()

    def authenticate(self) -> None:
        """Fetch a token, unless there is one already.

        Raises CredentialsError if Port does not know the credentials, PortError without answer.
        """
        self._renew(None)

    def authenticate_early(self) -> None:
        """Fetch a token in the background; a failure is raised where the token is first needed."""
        begun = threading.Event()

        def fetch() -> None:
            with self._token_lock:
                # Whoever needs the token from now on waits for this one.
                begun.set()
                try:
                    self._token = self._with_retries(self._fetch_token)["accessToken"]
                except Exception as error:  # noqa: BLE001 -- carried to the thread that needs the token
                    self._early_failure = error
            if self._is_closed:
                self._client.close()

        self._early = threading.Thread(target=fetch, daemon=True)
        self._early.start()
        begun.wait()

    def read(
        self, path: str, *, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send a request that changes nothing (GET, or a POST search where `body` is given).

        Returns the JSON object of the answer. Raises NotFoundError, AccessError, RefusedError or
        PortError.
        """
        method = "GET" if body is None else "POST"
        return self._with_retries(lambda: self._authorized(method, path, body, query, write=False))

    def write(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send a request that changes Port, never a second time unless the first did not arrive.

        Raises UnknownOutcomeError where it may have taken effect, TakenError on 409, and as `read`.
        """
        return self._with_retries(lambda: self._authorized(method, path, body, query, write=True))

    def _authorized(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, Any] | None,
        *,
        write: bool,
    ) -> dict[str, Any]:
        """Send once with the token; after a 401, once more with a new one."""
        token = self._renew(None)
        response = self._exchange(method, path, body, query, token, write=write)
        if response.status == httpx.codes.UNAUTHORIZED:
            token = self._renew(token)
            response = self._exchange(method, path, body, query, token, write=write)
        return self._check_answer(method, path, response, write=write)

    def _renew(self, refused: str | None) -> str:
        """Return the token; fetch one if there is none, or none but the `refused` one."""
        with self._token_lock:
            if self._early_failure is not None:
                failure, self._early_failure = self._early_failure, None
                raise failure
            if self._token is None or self._token == refused:
                self._token = self._with_retries(self._fetch_token)["accessToken"]
            return self._token

    def _fetch_token(self) -> dict[str, Any]:
        body = {
            "clientId": self._settings.client_id.value,
            "clientSecret": self._settings.client_secret.reveal(),
        }
        response = self._exchange("POST", _TOKEN_PATH, body, None, None, write=False)
        if response.status == httpx.codes.UNAUTHORIZED:
            raise CredentialsError(
                "Port does not know these credentials.",
                where=self._where("POST", _TOKEN_PATH),
                hint=f"Check {self._settings.client_id.source} and "
                f"{self._settings.client_secret_source}, and that the region is right "
                f"({self._settings.region.value}: {self._settings.api_url.value}).",
            )
        if response.status == httpx.codes.NOT_FOUND:
            # No resource is missing: this is no address of Port's API.
            raise self._unexpected("POST", _TOKEN_PATH, "status 404")
        answer = self._check_answer("POST", _TOKEN_PATH, response, write=False)
        token = answer.get("accessToken")
        if not isinstance(token, str) or not token or not token.isascii():
            raise TransientError(self._unexpected("POST", _TOKEN_PATH, "no accessToken"))
        return answer

    def _exchange(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, Any] | None,
        token: str | None,
        *,
        write: bool,
    ) -> Answer:
        started = time.monotonic()
        try:
            request = self._client.build_request(
                method,
                self._settings.api_url.value + path,
                json=body,
                params=query,
                headers={"Authorization": f"Bearer {token}"} if token else {},
            )
            answer = exchange(self._client, request, self._settings.timeout)
        except httpx.InvalidURL as error:
            raise UnreachableError(
                f"{self._settings.api_url.value} cannot be used: {error}.",
                where=self._settings.api_url.source,
            ) from None
        except EXCHANGE_ERRORS as error:
            self._report(method, path, None, started, type(error).__name__)
            raise self._failed(method, path, error, write=write) from None
        self._report(method, path, answer.status, started, "")
        return answer

    def _failed(self, method: str, path: str, error: Exception, *, write: bool) -> Exception:
        """Translate a failure; only one before sending leaves a write undone for sure."""
        where = self._where(method, path)
        permanent = self._permanent_failure(error, where)
        if permanent is not None:
            return permanent
        never_sent = isinstance(error, _NEVER_SENT)
        message = self._failure_message(error, never_sent=never_sent)
        if write and not never_sent:
            return UnknownOutcomeError(message, where=where, hint=AGAIN)
        if isinstance(error, AnswerTooLargeError):
            return UnexpectedAnswerError(message, where=where, hint=f"Check {self._address()}.")
        return TransientError(
            UnreachableError(message, where=where, hint=f"Check the network and {self._address()}.")
        )

    def _permanent_failure(self, error: Exception, where: str) -> FalcoportError | None:
        """Return the error for what trying again cannot change; None if it can."""
        url = httpx.URL(self._settings.api_url.value)
        if is_certificate_error(error):
            return UnreachableError(
                f"{describe_certificate_error(error, str(url), self._settings.network)}.",
                where=where,
                code="bad_certificate",
                hint="If a proxy or a private authority issued it, name that authority's "
                "certificate in SSL_CERT_FILE.",
            )
        proxy = self._settings.network.find_proxy(str(url))
        if proxy is not None and isinstance(error, httpx.ProxyError) and "407" in str(error):
            return AccessError(
                f"The proxy {proxy.address} asks for a user and a password.",
                where=proxy.source,
                code="proxy_credentials",
                hint=f"Put them into {proxy.source}, such as http://user:password@proxy:3128.",
            )
        return None

    def _failure_message(self, error: Exception, *, never_sent: bool) -> str:
        url = self._settings.api_url.value
        if isinstance(error, httpx.TimeoutException):
            return f"Port did not answer within {self._settings.timeout:g} s."
        if isinstance(error, AnswerTooLargeError):
            return f"Port's answer is too large: {error}."
        if never_sent:
            proxy = self._settings.network.find_proxy(url)
            through = f" through the proxy {proxy.address}" if proxy is not None else ""
            return f"Port cannot be reached at {url}{through}: {error}."
        if isinstance(error, GarbledAnswerError | httpx.DecodingError | httpx.RemoteProtocolError):
            return "Port's answer was cut off or garbled."
        return "The connection to Port broke."

    def _check_answer(
        self, method: str, path: str, response: Answer, *, write: bool
    ) -> dict[str, Any]:
        """Return a 2xx answer's JSON object, or raise what the status means."""
        try:
            body = response.json_object()
        except AnswerTooLargeError as too_large:
            raise self._failed(method, path, too_large, write=write) from None
        if response.is_success:
            if body is None or body.get("ok") is False:
                return self._garbled(method, path, "an answer that is not a JSON object", write)
            return body
        status, where = response.status, self._where(method, path)
        said = self._quote(response, body)
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise TransientError(
                PortError(
                    f"Port limits the rate of requests{said}.",
                    where=where,
                    hint=AGAIN,
                    code="rate_limited",
                ),
                seconds_to_wait(response.headers, datetime.now(UTC)),
            )
        if status in _GATEWAY_STATUSES:
            error = PortError(f"Port failed with status {status}{said}.", where=where, hint=AGAIN)
            if write:
                raise UnknownOutcomeError(error.message, where=where, hint=AGAIN)
            raise TransientError(error)
        raise self._refusal(status, body, said, where)

    def _refusal(
        self, status: int, body: dict[str, Any] | None, said: str, where: str
    ) -> FalcoportError:
        """Return the error for a status with which Port says no."""
        code = str(body.get("error", "")) if body else ""
        if code == DependentsError.code:
            return DependentsError(f"Port refuses{said}.", where=where)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return _denial(status, said, where)
        # A gateway's own 404 must not pass for a resource that is missing.
        nowhere = status == httpx.codes.NOT_FOUND and not {"ok", "error"} & set(body or ())
        if body is None or nowhere or status in (301, 302, 303, 307, 308):
            method, path = where.split(" ", 1)
            return self._unexpected(method, path, f"status {status}{said}")
        if status == httpx.codes.NOT_FOUND:
            return NotFoundError(f"Port does not have it{said}.", where=where)
        if status == httpx.codes.CONFLICT:
            return TakenError(f"Port says the identifier is taken{said}.", where=where, hint=AGAIN)
        return RefusedError(
            f"Port refuses the request with status {status}{said}.", where=where, code=code
        )

    def _garbled(self, method: str, path: str, what: str, write: bool) -> dict[str, Any]:
        error = self._unexpected(method, path, what)
        if write:
            raise UnknownOutcomeError(error.message, where=error.where, hint=AGAIN)
        raise TransientError(error)

    def _unexpected(self, method: str, path: str, what: str) -> UnexpectedAnswerError:
        return UnexpectedAnswerError(
            f"That is not an answer of Port's API: {what}.",
            where=self._where(method, path),
            hint=f"Check {self._address()}; if it is right, try again.",
        )

    def _address(self) -> str:
        """Name what the API's address comes from, for hints."""
        url = self._settings.api_url
        source = "PORT_REGION or PORT_API_URL" if url.source == "default" else url.source
        return f"{source} ({url.value})"

    def _quote(self, response: Answer, body: dict[str, Any] | None) -> str:
        """Quote Port's own words, short, on one line, without our secrets."""
        if body is None:
            kind = response.headers.get("content-type", "").split(";")[0]
            return f" (a {kind} page)" if kind else ""
        text = " ".join(str(body.get("message") or body.get("error") or "").split())
        for secret in (self._settings.client_secret.reveal(), self._token):
            if secret:
                text = text.replace(secret, "***")
        return f": {text[:_SHOWN_TEXT].rstrip('.')}" if text else ""

    def _where(self, method: str, path: str) -> str:
        return f"{method} {path}"

    def _report(
        self, method: str, path: str, status: int | None, started: float, note: str
    ) -> None:
        self._observe(Exchange(method, path, status, time.monotonic() - started, note))

    def _with_retries(self, once: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Call `once` until it answers, bounded by attempts and by total time."""
        try:
            return retry(once, on=TransientError, retry_after=lambda error: error.wait)
        except TransientError as last:
            raise _final_error(last) from None


def _denial(status: int, said: str, where: str) -> FalcoportError:
    if status == httpx.codes.UNAUTHORIZED:
        return CredentialsError(
            f"Port refuses the token that it has just issued{said}.",
            where=where,
            hint="Check that the credentials are still valid in Port.",
        )
    return PermissionsError(
        f"These credentials may not do this{said}.",
        where=where,
        hint="Webhooks and blueprints need the credentials of an admin or moderator.",
    )


def _final_error(failure: TransientError) -> PortError:
    if failure.wait is None or failure.wait < 1:
        return failure.error
    return PortError(
        failure.error.message,
        where=failure.error.where,
        code=failure.error.problems[0].code,
        hint=f"Port asks to wait {failure.wait:.0f} s; run the same command again after that.",
    )
