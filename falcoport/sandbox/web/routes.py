"""Where the pages are, and the headers that every page is sent with."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.http.requests import read_key, read_query
from falcoport.sandbox.web.pages import FILES, POLICY, Pages, read_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from falcoport.sandbox.state import State

    Render = Callable[[Pages, Mapping[str, str], Mapping[str, str]], str]


def web_routes(state: State) -> list[Route]:
    """Return the routes of all pages and of the files that they use."""

    @cache
    def pages() -> Pages:
        return Pages(state.blueprints, state.entities, state.webhooks, state.ingest)

    def page(render: Render) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return _respond(state, pages(), render, request)

        return answer

    return [
        Route("/_sandbox/{name}", _send_file),
        Route("/", page(lambda pages, _path, _query: pages.home())),
        Route("/catalog/{blueprint}", page(_blueprint_page)),
        Route("/catalog/{blueprint}/{entity}", page(_entity_page)),
        Route("/events", page(_events_page)),
        Route("/events/{event}", page(_event_page)),
    ]


async def _send_file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in FILES:
        raise HTTPException(404)
    headers = {"cache-control": "no-cache"}
    return Response(read_file(name), media_type=FILES[name], headers=headers)


def _respond(state: State, pages: Pages, render: Render, request: Request) -> Response:
    headers = {
        "etag": f'"{state.store.version}"',
        "cache-control": "no-cache",
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    path = {name: unquote(value) for name, value in request.path_params.items()}
    try:
        text, status = render(pages, path, read_query(request.scope)), 200
    except ApiError as error:
        text, status = pages.missing(error.message), error.status
    raw = text.encode(errors="replace")
    return Response(raw, status, headers, "text/html; charset=utf-8")


def _blueprint_page(pages: Pages, path: Mapping[str, str], query: Mapping[str, str]) -> str:
    return pages.blueprint(path["blueprint"], read_key(query.get("before")))


def _entity_page(pages: Pages, path: Mapping[str, str], _query: Mapping[str, str]) -> str:
    return pages.entity(path["blueprint"], path["entity"])


def _events_page(pages: Pages, _path: Mapping[str, str], query: Mapping[str, str]) -> str:
    return pages.events(read_key(query.get("before")), query.get("state"))


def _event_page(pages: Pages, path: Mapping[str, str], _query: Mapping[str, str]) -> str:
    number = read_key(path["event"])
    if number is None:
        raise ApiError(404, "not_found", "Events are numbered.")
    return pages.event(number)
