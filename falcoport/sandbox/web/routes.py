"""Where the pages are, and how each is sent: headers, what has not changed, and errors as pages."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.web import catalog, dashboards, events, home, scorecards
from falcoport.sandbox.web.rendering import FILES, POLICY, read_file
from falcoport.sandbox.web.site import Site, View

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    Show = Callable[[Site, View], Awaitable[str]]

_log = logging.getLogger("falcoport.sandbox")
_HTML = "text/html; charset=utf-8"
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


def web_routes(site: Site) -> list[Route]:
    """Return the routes of all pages and of the files that they use."""

    def page(path: str, show: Show) -> Route:
        async def answer(request: Request) -> Response:
            return await _respond(site, show, request)

        return Route(path, answer)

    return [
        Route("/_sandbox/{name}", _send_file),
        page("/", home.show_home),
        page("/catalog", catalog.show_catalog),
        page("/catalog/{blueprint}", catalog.show_blueprint),
        page("/catalog/{blueprint}/{entity}", catalog.show_entity),
        page("/dashboards", dashboards.show_dashboards),
        page("/dashboards/{page}", dashboards.show_dashboard),
        page("/scorecards", scorecards.show_scorecards),
        page("/events", events.show_events),
        page("/events/{event}", events.show_event),
    ]


def wants_page(request: Request) -> bool:
    """Return whether an error is better answered as a page: a browser asks, and not for the API."""
    path = request.scope["path"]
    return "text/html" in request.headers.get("accept", "") and not path.startswith("/v1/")


def error_page(request: Request, status: int, message: str) -> Response:
    """Return the page of an error."""
    from falcoport.sandbox.web import rendering

    text = rendering.render(
        "error.html",
        time.time(),
        origin=_origin(request),
        here="",
        is_live=False,
        status=status,
        message=message,
    )
    return Response(text.encode(errors="replace"), status, _HEADERS, _HTML)


async def _send_file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in FILES:
        raise HTTPException(404)
    headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
    return Response(read_file(name), media_type=FILES[name], headers=headers)


async def _respond(site: Site, show: Show, request: Request) -> Response:
    tag = f'"{site.state.store.version}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={**_HEADERS, "etag": tag})
    view = View(
        path={name: unquote(value) for name, value in request.path_params.items()},
        query=parse_qsl(request.scope["query_string"].decode("latin-1")),
        origin=_origin(request),
        now=site.state.store.clock.timestamp(),
    )
    try:
        text = await show(site, view)
    except ApiError as error:
        return error_page(request, error.status, error.message)
    except Exception:  # noqa: BLE001 - a person gets a page whatever fails
        _log.exception("%s: a fault of the sandbox", request.scope["path"])
        return error_page(
            request, 500, "The sandbox has a fault; its log on the terminal says more."
        )
    # Reading may tidy up after itself in the database, so what is shown is dated afterwards.
    headers = {**_HEADERS, "etag": f'"{site.state.store.version}"'}
    return Response(text.encode(errors="replace"), 200, headers, _HTML)


def _origin(request: Request) -> str:
    return f"http://{request.headers.get('host', '')}"
