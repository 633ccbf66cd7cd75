"""The widgets of a page as a tree, and the rows that place them. Pure.

Widgets hold widgets in two ways: a dashboard names them in rows, a group shows them in tabs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.manifests.page import DASHBOARD, LOWEST, MOST_COLUMNS, ROW

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

Json = dict[str, Any]


def walk(widgets: Sequence[Any]) -> Iterator[Json]:
    """Yield every widget, however deep."""
    for widget in widgets:
        if isinstance(widget, dict):
            yield widget
            yield from walk(widget.get("widgets") or [])
            for group in widget.get("groups") or []:
                yield from walk(group.get("widgets") or [])


def is_holder(widget: Json) -> bool:
    """Tell whether a widget only holds others."""
    return widget.get("type") == DASHBOARD or "groups" in widget


def replace_widgets(widgets: Sequence[Any], replace: Callable[[Json], Json | None]) -> list[Any]:
    """Return widgets with each one that holds no others replaced, or left out for None.

    The rows of a dashboard that lose a widget close up; a row without any goes.
    """
    found = []
    for widget in widgets:
        new = _replace(widget, replace) if isinstance(widget, dict) else widget
        if new is not None:
            found.append(new)
    return found


def _replace(widget: Json, replace: Callable[[Json], Json | None]) -> Json | None:
    if not is_holder(widget):
        return replace(widget)
    new = dict(widget)
    if isinstance(widget.get("groups"), list):
        new["groups"] = [
            {**group, "widgets": replace_widgets(group.get("widgets") or [], replace)}
            for group in widget["groups"]
        ]
    if isinstance(widget.get("widgets"), list):
        new["widgets"] = replace_widgets(widget["widgets"], replace)
        gone = {_id(one) for one in widget["widgets"]} - {_id(one) for one in new["widgets"]}
        if gone and isinstance(widget.get("layout"), list):
            new["layout"] = close_rows(widget["layout"], gone)
    return new


def _id(widget: Any) -> str:
    return str(widget.get("id")) if isinstance(widget, dict) else ""


def close_rows(rows: Sequence[Json], gone: Collection[str]) -> list[Json]:
    """Return rows without some widgets, those beside them widened to fill the row."""
    closed = []
    for row in rows:
        columns = [one for one in row["columns"] if one["id"] not in gone]
        if len(columns) == len(row["columns"]):
            closed.append(row)
        elif columns:
            closed.append({**row, "columns": _spread([one["id"] for one in columns])})
    return closed


def _spread(names: Sequence[str]) -> list[Json]:
    """Return columns of about the same size, which fill a row."""
    size, rest = divmod(ROW, len(names))
    return [
        {"id": name, "size": size + (rest if index == len(names) - 1 else 0)}
        for index, name in enumerate(names)
    ]


def make_rows(widgets: Sequence[Json], like: Sequence[Json]) -> list[Json]:
    """Return rows for widgets, which stand together as they do in the rows `like`."""
    names = {str(one["id"]) for one in widgets}
    rows = [
        {**row, "columns": [one for one in row["columns"] if one["id"] in names]} for row in like
    ]
    rows = [
        row
        if sum(one["size"] for one in row["columns"]) == ROW
        else {**row, "columns": _spread([one["id"] for one in row["columns"]])}
        for row in rows
        if row["columns"]
    ]
    placed = {one["id"] for row in rows for one in row["columns"]}
    rest = [str(one["id"]) for one in widgets if one["id"] not in placed]
    groups = [rest[at : at + MOST_COLUMNS] for at in range(0, len(rest), MOST_COLUMNS)]
    return [*rows, *({"height": LOWEST, "columns": _spread(group)} for group in groups)]
