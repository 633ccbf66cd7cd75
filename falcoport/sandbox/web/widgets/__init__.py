"""The widgets of a dashboard: from what a page holds of each to what its template shows.

One file per family of kinds. A builder takes the scope, where it finds entities, and the widget as
it is stored, and returns what the template of its `shape` needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.web.widgets import actions, figures, lines, tables, texts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from falcoport.sandbox.web.site import Document
    from falcoport.sandbox.web.widgets.scope import Scope

    Builder = Callable[[Scope, Document], Awaitable[Document]]

_BUILDERS: dict[str, Builder] = {
    "entities-number-chart": figures.build_number,
    "entities-pie-chart": figures.build_pie,
    "bar-chart": figures.build_bars,
    "line-chart": lines.build_line_chart,
    "multi-line-chart": lines.build_line_charts,
    "table-entities-explorer": tables.build_table,
    "table-audit-log": tables.build_audit_log,
    "teams-table": tables.build_teams,
    "users-table": tables.build_users,
    "markdown": texts.build_markdown,
    "links-widget": texts.build_links,
    "iframe-widget": texts.build_frame,
    "entity-details": texts.build_details,
    "entity-info": texts.build_details,
    "action-card-widget": actions.build_cards,
    "action-runs-table-widget": actions.build_runs,
    "runs-table": actions.build_runs,
}
_TITLES = {
    "table-audit-log": "Audit log",
    "runs-table": "Runs",
    "action-runs-table-widget": "Runs",
    "teams-table": "Teams",
    "users-table": "Users",
    "entity-details": "Details",
    "entity-info": "Details",
    "action-card-widget": "Actions",
    "links-widget": "Links",
}


async def build_widget(scope: Scope, widget: Document) -> Document:
    """Return what the template shows of a widget; what cannot be shown says why."""
    kind = widget.get("type")
    title = widget.get("title") or _TITLES.get(str(kind)) or str(kind)
    common = {"title": title, "description": widget.get("description"), "kind": kind}
    builder = _BUILDERS.get(str(kind))
    if builder is None:
        return {
            **common,
            "shape": "note",
            "text": f"The sandbox does not show widgets of type {kind}.",
        }
    try:
        built = await builder(scope, widget)
    except ApiError as error:
        return {**common, "shape": "note", "text": f"{error.message}."}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A widget that was stored may still say what nothing can be made of.
        text = f"The widget cannot be shown as it is: {type(error).__name__}: {error}."
        return {**common, "shape": "note", "text": text}
    if built.get("is_empty"):
        text = widget.get("emptyStateText") or "There is no data to show."
        return {**common, "shape": "note", "text": text}
    return {**common, **built}
