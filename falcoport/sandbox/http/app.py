"""The sandbox as a web application: requests in, answers out.

Everything runs on one event loop, and no transaction waits inside, so that writes are one after
another whoever sends them. Webhook events take a short way of their own.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from falcoport.sandbox import errors
from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.http.origin import refuse_foreign
from falcoport.sandbox.http.rate_limit import Limiter
from falcoport.sandbox.http.requests import read_body, read_query, read_repeated_query
from falcoport.sandbox.http.resources import load_routers
from falcoport.sandbox.http.routing import ANONYMOUS, Answer, Call, Document, Endpoint
from falcoport.sandbox.ingestion.ingest import MAX_PAYLOAD, Delivery
from falcoport.sandbox.options import OnBadDelivery
from falcoport.sandbox.storage.store import dump
from falcoport.sandbox.validation import check, read_json
from falcoport.sandbox.web.routes import error_page, wants_page, web_routes
from falcoport.sandbox.web.site import build_site, follow_alerts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from falcoport.sandbox.http.routing import Router
    from falcoport.sandbox.state import State

MAX_BODY = 1024 * 1024
"""The most bytes of an API request's body (Port docs, API: 1 MiB)."""

SPELLED = "falcoport.headers"
"""The extension of an ASGI scope that holds header names as they were sent."""

_log = logging.getLogger("falcoport.sandbox")
_JSON = "application/json"


class SandboxApp:
    """An ASGI application that answers as Port does."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._limiter = Limiter(state.options.rate_limit)
        self._site = build_site(state)
        self._web = Starlette(
            routes=[
                *(
                    Route(path, self._handler(methods), methods=[*methods])
                    for path, methods in _group_endpoints(load_routers()).items()
                ),
                *web_routes(self._site),
            ],
            exception_handlers={HTTPException: _http_error},
        )
        self._web.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        refused = refuse_foreign(scope)
        if refused is not None:
            await _error_response(refused)(scope, receive, send)
            return
        # A segment is decoded after routing, since an identifier may hold an encoded slash.
        path = scope["raw_path"].decode("ascii", "replace")
        answer: ASGIApp = self._web
        if scope["method"] == "POST" and path.find("/", 1) < 0 and len(path) > 1:
            answer = await self._take(unquote(path[1:]), scope, receive)
        scope["path"] = path
        if self._state.options.latency:
            await asyncio.sleep(self._state.options.latency)
        await answer(scope, receive, send)

    async def follow_alerts(self) -> None:
        """Keep what the pages count as it is in the database, until cancelled."""
        await follow_alerts(self._site)

    # --- webhook events ---------------------------------------------------------------------

    async def _take(self, address: str, scope: Scope, receive: Receive) -> Response:
        webhook = self._state.webhooks.at(address)
        raw = await read_body(scope, receive, MAX_PAYLOAD)
        if raw is None:
            return _error_response(ApiError(413, "bad_request", "Request Entity Too Large"))
        if webhook is None:
            return _error_response(ApiError(404, "not_found", "No webhook has this URL"))
        spelled = scope.get("extensions", {}).get(SPELLED, {}).get("names") or scope["headers"]
        delivery = Delivery(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in spelled],
            read_query(scope),
            raw,
        )
        try:
            rejected = await self._state.ingest.take(webhook, delivery)
        except sqlite3.Error as error:
            return _error_response(errors.cannot_store(error))
        if rejected is not None and self._state.options.on_bad_delivery is OnBadDelivery.REJECT:
            return _error_response(ApiError(rejected.status, rejected.error, rejected.reason))
        return _ACCEPTED

    # --- the API ----------------------------------------------------------------------------

    def _handler(self, methods: Mapping[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                response = await self._answer(methods[_method(request.method)], request, headers)
            except ApiError as error:
                response = _error_response(error)
            except RecursionError:
                response = _error_response(errors.invalid("body is nested too deeply"))
            except UnicodeEncodeError:
                response = _error_response(errors.lone_surrogate())
            except sqlite3.Error as error:
                _log.error("%s: %s", request.url.path, error)
                response = _error_response(errors.cannot_store(error))
            except Exception:  # noqa: BLE001 - a client gets an answer whatever fails
                _log.exception("%s: a fault of the sandbox", request.url.path)
                response = _error_response(
                    ApiError(500, "internal_error", "The sandbox has a fault")
                )
            headers["x-trace-id"] = secrets.token_hex(16)
            response.headers.update(headers)
            return response

        return answer

    async def _answer(
        self, endpoint: Endpoint, request: Request, headers: dict[str, str]
    ) -> Response:
        """Answer a call; fill in headers that its answer has even if it is refused."""
        caller = ANONYMOUS
        if not endpoint.is_public:
            caller = self._state.tokens.caller(request.headers.get("authorization"))
            limits, error = self._limiter.count()
            headers.update(limits)
            if error is not None:
                raise error
            if endpoint.needs_admin and not caller.is_admin:
                raise errors.missing_permissions()
        body = None
        raw = await read_body(request.scope, request.receive, MAX_BODY)
        if raw is None:
            raise errors.too_large()
        if endpoint.schema is not None:
            body = read_json(raw)
            check(body, endpoint.schema)
        call = Call(
            path={name: unquote(value) for name, value in request.path_params.items()},
            query=read_query(request.scope),
            listed=read_repeated_query(request.scope),
            body=body,
            caller=caller,
            agent=request.headers.get("user-agent", ""),
        )
        answer = self._write(endpoint, call) if endpoint.writes else endpoint.run(self._state, call)
        return await _respond(answer if isinstance(answer, Answer) else await answer)

    def _write(self, endpoint: Endpoint, call: Call) -> Answer:
        """Run a call that writes, as one transaction."""
        is_kept = False
        try:
            with self._state.store.transaction() as transaction:
                answer = endpoint.run(self._state, call)
                assert isinstance(answer, Answer), "nothing waits inside a transaction"
                transaction.is_trial = answer.trial
            is_kept = not answer.trial
            return answer
        finally:
            if not is_kept:
                # What was read of the changes that are undone must not stay.
                self._state.forget()


_ACCEPTED = Response(b'{"ok":true}', 202, media_type=_JSON)


def _group_endpoints(routers: Iterable[Router]) -> dict[str, dict[str, Endpoint]]:
    """Return the endpoints of each path by method, paths with fixed segments first.

    `/v1/webhooks/metadata` is so found before `/v1/webhooks/{webhook}`, whatever file is read
    first.
    """
    found: dict[str, dict[str, Endpoint]] = {}
    for router in routers:
        for endpoint in router.endpoints:
            assert endpoint.method not in found.get(endpoint.path, {}), endpoint.path
            found.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    paths = sorted(found, key=lambda path: [part.startswith("{") for part in path.split("/")])
    return {path: found[path] for path in paths}


def _method(method: str) -> str:
    return "GET" if method == "HEAD" else method


async def _respond(answer: Answer) -> Response:
    if answer.entities is None:
        return Response(dump(answer.body), answer.status, media_type=_JSON)
    # What is wrong with a call shows when its first page is made, while it can still be answered.
    first: list[Document] = await anext(answer.entities, [])
    return StreamingResponse(_stream(answer, first), answer.status, media_type=_JSON)


async def _stream(answer: Answer, first: list[Document]) -> AsyncIterator[str]:
    """Yield the text of a long list page by page, leaving room for others in between."""
    assert answer.entities is not None
    yield '{"entities":[' + dump(first)[1:-1]
    comma = "," if first else ""
    async for page in answer.entities:
        if page:
            yield comma + dump(page)[1:-1]
            comma = ","
        await asyncio.sleep(0)
    yield "]," + dump(answer.body)[1:]


def _error_response(error: ApiError) -> Response:
    return Response(dump(error.body()), error.status, media_type=_JSON)


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer a path or method that does not exist: as a page in a browser, else as JSON."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:  # noqa: PLR2004 - the status itself
        said = ApiError(405, "method_not_allowed", "This path does not take that method")
    else:
        said = ApiError(404, "not_found", "This path does not exist")
    is_page = wants_page(request)
    response = error_page(request, said.status, said.message) if is_page else _error_response(said)
    response.headers.update(error.headers or {})
    return response
