"""The sandbox as a web application: requests in, answers out.

Everything runs on one event loop, and no transaction waits inside, so that writes are one after
another whoever sends them. Webhook events take a short way of their own.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from falcoport.sandbox import refusals
from falcoport.sandbox.api import NOBODY, Answer, Api, Call, Endpoint, forbidden
from falcoport.sandbox.blueprints import Blueprints
from falcoport.sandbox.catalog_pages import CatalogPages
from falcoport.sandbox.entities import Entities
from falcoport.sandbox.ingest import MAX_PAYLOAD, Delivery, Ingest
from falcoport.sandbox.limits import Limiter
from falcoport.sandbox.migrations import Migrations
from falcoport.sandbox.options import OnBadDelivery
from falcoport.sandbox.pages import FILES, POLICY, Pages, read_file
from falcoport.sandbox.refusals import Refusal
from falcoport.sandbox.requests import check, read_json
from falcoport.sandbox.search import Search
from falcoport.sandbox.store import Store, dump
from falcoport.sandbox.tokens import Tokens
from falcoport.sandbox.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from falcoport.sandbox.options import SandboxOptions

MAX_BODY = 1024 * 1024
"""The most bytes of an API request's body (Port docs, API: 1 MiB)."""

SPELLED = "falcoport.headers"
"""The extension of an ASGI scope that holds header names as they were sent."""

_log = logging.getLogger("falcoport.sandbox")
_JSON = "application/json"
_EVENTS, _MAX_EVENTS = 50, 1000


class Sandbox:
    """An ASGI application that answers as Port does."""

    def __init__(self, options: SandboxOptions, store: Store, url: str) -> None:
        """Serve `store` at `url`, which has no slash at its end."""
        self._options = options
        self._store = store
        self._blueprints = Blueprints(store, options.on_nested_patch)
        self._webhooks = Webhooks(store, url)
        self._entities = Entities(store, self._blueprints)
        self._tokens = Tokens(store, options.token_lifetime)
        self.ingest = Ingest(
            store, self._blueprints, self._webhooks, self._entities, options.on_missing_relation
        )
        search = Search(store, self._blueprints, self._entities)
        self._entities.find = search.find
        self.migrations = Migrations(store, self._blueprints, self._entities)
        self._limiter = Limiter(options.rate_limit)
        api = Api(
            self._tokens,
            self._blueprints,
            CatalogPages(store),
            self._entities,
            search,
            self.migrations,
            self._webhooks,
        )
        routes: dict[str, dict[str, Endpoint]] = {}
        for endpoint in api.endpoints():
            routes.setdefault(endpoint.path, {})[endpoint.method] = endpoint
        self._web = Starlette(
            routes=[
                Route("/_sandbox/events", self._events),
                Route("/_sandbox/{name}", self._file),
                Route("/", self._page(lambda pages, _path, _query: pages.home())),
                Route("/catalog/{blueprint}", self._page(_blueprint_page)),
                Route("/catalog/{blueprint}/{entity}", self._page(_entity_page)),
                Route("/events", self._page(_events_page)),
                Route("/events/{event}", self._page(_event_page)),
                *(
                    Route(path, self._caller_of(methods), methods=[*methods])
                    for path, methods in routes.items()
                ),
            ],
            exception_handlers={HTTPException: _http_error},
        )
        self._web.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        # A segment is decoded after routing, since an identifier may hold an encoded slash.
        path = scope["raw_path"].decode("ascii", "replace")
        if scope["method"] == "POST" and path.find("/", 1) < 0 and len(path) > 1:
            response = await self._take(unquote(path[1:]), scope, receive)
        else:
            scope["path"] = path
            if self._options.latency:
                await asyncio.sleep(self._options.latency)
            await self._web(scope, receive, send)
            return
        if self._options.latency:
            await asyncio.sleep(self._options.latency)
        await response(scope, receive, send)

    # --- webhook events ---------------------------------------------------------------------

    async def _take(self, address: str, scope: Scope, receive: Receive) -> Response:
        webhook = self._webhooks.at(address)
        raw = await _body(scope, receive, MAX_PAYLOAD)
        if raw is None:
            return _refused(Refusal(413, "bad_request", "Request Entity Too Large"))
        if webhook is None:
            return _refused(Refusal(404, "not_found", "No webhook has this URL"))
        spelled = scope.get("extensions", {}).get(SPELLED, {}).get("names") or scope["headers"]
        delivery = Delivery(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in spelled],
            _query(scope),
            raw,
        )
        turned = await self.ingest.take(webhook, delivery)
        if turned is not None and self._options.on_bad_delivery is OnBadDelivery.REJECT:
            return _refused(Refusal(turned.status, turned.error, turned.reason))
        return _ACCEPTED

    async def _events(self, request: Request) -> Response:
        """List what became of each event; Port itself has nothing like it."""
        query = _query(request.scope)
        if query.get("settled") == "true":
            await self.ingest.settled()
        before, asked = _number(query.get("before")), _number(query.get("limit"))
        if ("before" in query and before is None) or ("limit" in query and asked is None):
            return _refused(refusals.invalid("querystring must hold numbers"))
        limit = max(1, min(asked or _EVENTS, _MAX_EVENTS))
        events = self.ingest.events(before, limit, query.get("state"))
        more = events[-1]["id"] if len(events) == limit else None
        body = {"ok": True, "events": events, "next": more}
        return Response(dump(body), media_type=_JSON)

    # --- pages ------------------------------------------------------------------------------

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            raise HTTPException(404)
        headers = {"cache-control": "no-cache"}
        return Response(read_file(name), media_type=FILES[name], headers=headers)

    @cached_property
    def _pages(self) -> Pages:
        return Pages(self._blueprints, self._entities, self._webhooks, self.ingest)

    def _page(
        self, render: Callable[[Pages, Mapping[str, str], Mapping[str, str]], str]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            headers = {
                "etag": f'"{self._store.version}"',
                "cache-control": "no-cache",
                "content-security-policy": POLICY,
                "x-content-type-options": "nosniff",
                "referrer-policy": "no-referrer",
            }
            if request.headers.get("if-none-match") == headers["etag"]:
                return Response(status_code=304, headers=headers)
            path = {name: unquote(value) for name, value in request.path_params.items()}
            try:
                text, status = render(self._pages, path, _query(request.scope)), 200
            except Refusal as refusal:
                text, status = self._pages.missing(refusal.message), refusal.status
            raw = text.encode(errors="replace")
            return Response(raw, status, headers, "text/html; charset=utf-8")

        return answer

    # --- the API ----------------------------------------------------------------------------

    def _caller_of(
        self, methods: Mapping[str, Endpoint]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                response = await self._answer(methods[_method(request.method)], request, headers)
            except Refusal as refusal:
                response = _refused(refusal)
            except RecursionError:
                response = _refused(refusals.invalid("body is nested too deeply"))
            except Exception:  # noqa: BLE001 - a client gets an answer whatever fails
                _log.exception("%s: a fault of the sandbox", request.url.path)
                response = _refused(Refusal(500, "internal_error", "The sandbox has a fault"))
            headers["x-trace-id"] = secrets.token_hex(16)
            response.headers.update(headers)
            return response

        return answer

    async def _answer(
        self, endpoint: Endpoint, request: Request, headers: dict[str, str]
    ) -> Response:
        """Answer a call; fill in headers that its answer has even if it is refused."""
        caller = NOBODY
        if not endpoint.is_public:
            caller = self._tokens.caller(request.headers.get("authorization"))
            limits, refusal = self._limiter.count()
            headers.update(limits)
            refusal = refusal or forbidden(endpoint, caller)
            if refusal is not None:
                raise refusal
        body = None
        raw = await _body(request.scope, request.receive, MAX_BODY)
        if raw is None:
            raise refusals.too_large()
        if endpoint.schema is not None:
            body = read_json(raw)
            check(body, endpoint.schema)
        call = Call(
            path={name: unquote(value) for name, value in request.path_params.items()},
            query=_query(request.scope),
            listed=_listed(request.scope),
            body=body,
            caller=caller,
            agent=request.headers.get("user-agent", ""),
        )
        answer = self._written(endpoint, call) if endpoint.writes else endpoint.run(call)
        return _sent(answer if isinstance(answer, Answer) else await answer)

    def _written(self, endpoint: Endpoint, call: Call) -> Answer:
        """Run a call that writes, as one transaction."""
        is_kept = False
        try:
            with self._store.transaction() as transaction:
                answer = endpoint.run(call)
                assert isinstance(answer, Answer), "nothing waits inside a transaction"
                transaction.is_trial = answer.trial
            is_kept = not answer.trial
            return answer
        finally:
            if not is_kept:
                # What was read of the changes that are undone must not stay.
                self._blueprints.forget()
                self._webhooks.forget()


_ACCEPTED = Response(b'{"ok":true}', 202, media_type=_JSON)


def _blueprint_page(pages: Pages, path: Mapping[str, str], query: Mapping[str, str]) -> str:
    return pages.blueprint(path["blueprint"], _number(query.get("before")))


def _entity_page(pages: Pages, path: Mapping[str, str], _query: Mapping[str, str]) -> str:
    return pages.entity(path["blueprint"], path["entity"])


def _events_page(pages: Pages, _path: Mapping[str, str], query: Mapping[str, str]) -> str:
    return pages.events(_number(query.get("before")), query.get("state"))


def _event_page(pages: Pages, path: Mapping[str, str], _query: Mapping[str, str]) -> str:
    number = _number(path["event"])
    if number is None:
        raise Refusal(404, "not_found", "Events are numbered.")
    return pages.event(number)


def _number(text: str | None) -> int | None:
    """Return a database key given in a URL; None if there is none or it is no number."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) < _KEY_DIGITS):
        return None
    return int(text)


_KEY_DIGITS = 19


def _method(method: str) -> str:
    return "GET" if method == "HEAD" else method


def _query(scope: Scope) -> dict[str, str]:
    text = scope["query_string"].decode("latin-1")
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


def _listed(scope: Scope) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in parse_qsl(scope["query_string"].decode("latin-1")):
        found[name] = (*found.get(name, ()), value)
    return found


async def _body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """Return a request's body, or None if it is larger than `limit`."""
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > limit:
            return None
    chunks = b""
    while True:
        message = await receive()
        chunk: bytes = message.get("body", b"")
        chunks += chunk
        if len(chunks) > limit:
            return None
        if not message.get("more_body"):
            return chunks


def _sent(answer: Answer) -> Response:
    if answer.entities is not None:
        return StreamingResponse(_streamed(answer), answer.status, media_type=_JSON)
    return Response(dump(answer.body), answer.status, media_type=_JSON)


async def _streamed(answer: Answer) -> AsyncIterator[str]:
    """Yield the text of a long list page by page, leaving room for others in between."""
    assert answer.entities is not None
    yield '{"entities":['
    comma = ""
    async for page in answer.entities:
        if page:
            yield comma + dump(page)[1:-1]
            comma = ","
        await asyncio.sleep(0)
    yield "]," + dump(answer.body)[1:]


def _refused(refusal: Refusal) -> Response:
    return Response(dump(refusal.body()), refusal.status, media_type=_JSON)


async def _http_error(_request: Request, error: Exception) -> Response:
    """Answer a path or method that does not exist as JSON too."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:  # noqa: PLR2004 - the status itself
        refusal = Refusal(405, "method_not_allowed", "This path does not take that method")
    else:
        refusal = Refusal(404, "not_found", "This path does not exist")
    response = _refused(refusal)
    response.headers.update(error.headers or {})
    return response
