"""Dashboards: the pages of the catalog that hold widgets, laid out as they say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.web.widgets.cache import show_widget
from falcoport.sandbox.web.widgets.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.sandbox.web.site import Document, Site, View

_WIDE = 12
_DEPTH = 8
_DASHBOARDS = ("dashboard", "home")


@dataclass(frozen=True)
class Row:
    """Widgets beside one another; each with how many twelfths of the width it takes."""

    title: str
    cells: tuple[tuple[int, Document], ...]


async def show_dashboards(site: Site, view: View) -> str:
    """Return the list of dashboards; of one alone, itself."""
    pages = [page for page in site.state.pages.all() if page.get("type") in _DASHBOARDS]
    if len(pages) == 1:
        return await _show(site, view, pages[0])
    complete = [{"title": None, "description": None, **page} for page in pages]
    return site.render("dashboards.html", view, here="dashboards", is_live=True, pages=complete)


async def show_dashboard(site: Site, view: View) -> str:
    """Return one page of the catalog with its widgets."""
    return await _show(site, view, site.state.pages.get(view.path["page"]))


async def build_rows(scope: Scope, widgets: Sequence[Document]) -> list[Row]:
    """Return the widgets of a page row by row, each built once."""
    layout = lay_out(widgets)
    await scope.prepare([widget for _, placed in layout for _, widget in placed])
    rows = []
    for title, placed in layout:
        cells = []
        for size, widget in placed:
            cells.append((size, await show_widget(scope, widget)))
            # A widget may take a while; alerts that arrive do not wait for all of them.
            await asyncio.sleep(0)
        rows.append(Row(title, tuple(cells)))
    return rows


def lay_out(
    widgets: Sequence[Document], title: str = "", depth: int = 0
) -> list[tuple[str, list[tuple[int, Document]]]]:
    """Return rows of widgets with their sizes, and the heading of each that begins a group.

    A dashboard's layout says which are beside one another; a widget outside one has a row of its
    own, and so has one that the layout forgot.
    """
    rows: list[tuple[str, list[tuple[int, Document]]]] = []
    for widget in widgets if depth < _DEPTH else ():
        if widget.get("type") == "dashboard-widget":
            rows += _lay_out_dashboard(widget, depth)
        elif widget.get("type") == "grouper":
            for group in _order_groups(widget):
                inner = lay_out(group.get("widgets") or [], "", depth + 1)
                if inner:
                    inner[0] = (str(group.get("title") or inner[0][0]), inner[0][1])
                rows += inner
        else:
            rows.append(("", [(_WIDE, widget)]))
    if rows and title and not rows[0][0]:
        rows[0] = (title, rows[0][1])
    return rows


def _lay_out_dashboard(
    widget: Document, depth: int
) -> list[tuple[str, list[tuple[int, Document]]]]:
    known = {one.get("id"): one for one in widget.get("widgets") or []}
    rows: list[tuple[str, list[tuple[int, Document]]]] = []
    for row in widget.get("layout") or []:
        plain = []
        for column in row.get("columns") or []:
            one = known.pop(column.get("id"), None)
            if one is None:
                continue
            if one.get("type") in ("dashboard-widget", "grouper"):
                rows += lay_out([one], "", depth + 1)
            else:
                plain.append((max(1, min(_WIDE, int(column.get("size") or _WIDE))), one))
        if plain:
            rows.append(("", plain))
    return rows + lay_out([*known.values()], "", depth + 1)


def _order_groups(widget: Document) -> list[Document]:
    groups = widget.get("groups") or []
    order = {title: position for position, title in enumerate(widget.get("groupsOrder") or ())}
    return sorted(groups, key=lambda group: order.get(group.get("title"), len(order)))


async def _show(site: Site, view: View, page: Document) -> str:
    if page.get("type") == "entity":
        raise ApiError(404, "not_found", "This page belongs to one entity; open that entity")
    filters = page.get("pageFilters") or []
    scope = Scope(site, view, filters)
    return site.render(
        "dashboard.html",
        view,
        here="dashboards",
        is_live=True,
        page={"title": None, "description": None, **page},
        filters=[one.get("title") or one.get("identifier") for one in filters],
        rows=await build_rows(scope, page.get("widgets") or []),
    )
