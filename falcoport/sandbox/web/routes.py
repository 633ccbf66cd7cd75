"""Where the pages are, and how each is sent: headers, what has not changed, and errors as pages."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.http.requests import read_body
from falcoport.sandbox.web import actions, catalog, dashboards, events, home, runs, scorecards
from falcoport.sandbox.web.rendering import FILES, POLICY, read_file
from falcoport.sandbox.web.site import Site, View

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    Show = Callable[[Site, View], Awaitable[str]]
    Submit = Callable[[Site, View, list[tuple[str, str]]], Awaitable[tuple[int, str]]]

_log = logging.getLogger("falcoport.sandbox")
_MAX_FORM = 256 * 1024
_SEE_OTHER = 303
_HTML = "text/html; charset=utf-8"
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


def web_routes(site: Site) -> list[Route]:
    """Return the routes of all pages and of the files that they use."""

    def page(path: str, show: Show, submit: Submit | None = None) -> Route:
        async def answer(request: Request) -> Response:
            if request.method == "POST" and submit is not None:
                return await _take_form(site, submit, request)
            return await _respond(site, show, request)

        return Route(path, answer, methods=["GET", "POST"] if submit else ["GET"])

    return [
        Route("/_sandbox/{name}", _send_file),
        page("/", home.show_home),
        page("/catalog", catalog.show_catalog),
        page("/catalog/{blueprint}", catalog.show_blueprint),
        page("/catalog/{blueprint}/{entity}", catalog.show_entity),
        page("/dashboards", dashboards.show_dashboards),
        page("/dashboards/{page}", dashboards.show_dashboard),
        page("/actions/{action}", actions.show_action, actions.submit_action),
        page("/runs", runs.show_runs),
        page("/runs/{run}", runs.show_run),
        page("/runs/{run}/decision", runs.show_run, actions.submit_decision),
        page("/scorecards", scorecards.show_scorecards),
        page("/events", events.show_events),
        page("/events/{event}", events.show_event),
        Route("/{page}", _find_page(site)),
    ]


def _find_page(site: Site) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers at the addresses that pages have in Port: `/falco_alerts` and the like.

    A page of one entity names it in the query, as links of messages do.
    """

    async def answer(request: Request) -> Response:
        document = site.state.pages.documents.find(request.path_params["page"])
        if document is None:
            raise HTTPException(404)
        page = site.state.pages.shown(document)
        blueprint = quote(str(page.get("blueprint") or ""), safe="")
        entity = quote(request.query_params.get("identifier", ""), safe="")
        address = {
            "blueprint-entities": f"/catalog/{blueprint}",
            "entity": f"/catalog/{blueprint}/{entity}" if entity else f"/catalog/{blueprint}",
        }.get(page["type"], f"/dashboards/{quote(page['identifier'], safe='')}")
        return RedirectResponse(address, _SEE_OTHER)

    return answer


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
    try:
        text = await show(site, _view(site, request))
    except Exception as error:  # noqa: BLE001 - a person gets a page whatever fails
        return _explain(request, error)
    # Reading may tidy up after itself in the database, so what is shown is dated afterwards.
    headers = {**_HEADERS, "etag": f'"{site.state.store.version}"'}
    return Response(text.encode(errors="replace"), 200, headers, _HTML)


async def _take_form(site: Site, submit: Submit, request: Request) -> Response:
    """Answer a form that was sent; only the sandbox's own pages may send one."""
    if not _is_own_form(request):
        return error_page(request, 403, "Only a page of the sandbox itself can do that.")
    raw = await read_body(request.scope, request.receive, _MAX_FORM)
    if raw is None:
        return error_page(request, 413, "The form is too large.")
    try:
        form = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)
        status, answer = await submit(site, _view(site, request), form)
    except Exception as error:  # noqa: BLE001 - a person gets a page whatever fails
        return _explain(request, error)
    if status == _SEE_OTHER:
        return Response(status_code=status, headers={**_HEADERS, "location": answer})
    return Response(answer.encode(errors="replace"), status, _HEADERS, _HTML)


def _explain(request: Request, error: Exception) -> Response:
    """Return the page of an error; one that nobody expected is logged."""
    if isinstance(error, ApiError):
        return error_page(request, error.status, error.message)
    _log.error("%s: a fault of the sandbox", request.scope["path"], exc_info=error)
    return error_page(request, 500, "The sandbox has a fault; its log on the terminal says more.")


def _view(site: Site, request: Request) -> View:
    return View(
        path={name: unquote(value) for name, value in request.path_params.items()},
        query=parse_qsl(request.scope["query_string"].decode("latin-1")),
        origin=_origin(request),
        now=site.state.store.clock.timestamp(),
    )


def _is_own_form(request: Request) -> bool:
    """Return whether a form comes from a page of the sandbox, not from another site's."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin", _origin(request))
    return site == "same-origin" and origin == _origin(request)


def _origin(request: Request) -> str:
    return f"http://{request.headers.get('host', '')}"
