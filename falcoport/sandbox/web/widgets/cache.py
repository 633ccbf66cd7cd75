"""Widgets as they were built last, shown again as long as they are good."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from falcoport.sandbox.storage.store import dump
from falcoport.sandbox.web.widgets import build_widget
from falcoport.sandbox.web.widgets.known import KnownWidget

if TYPE_CHECKING:
    from falcoport.sandbox.web.site import Document
    from falcoport.sandbox.web.widgets.scope import Scope

_FRESH = 60.0
"""For how many seconds a widget about a period like "the last day" is shown as it was made."""

_MOST_WIDGETS = 500
_QUICK, _REST_FACTOR = 0.1, 10
"""What takes longer than so many seconds is kept for so many times as long."""


async def show_widget(scope: Scope, widget: Document) -> Document:
    """Return what the template shows of a widget; built anew only if anything has changed."""
    widgets = scope.site.widgets
    key = dump([widget, scope.filters, scope.entity])
    known = widgets.get(key)
    version = scope.site.state.store.version
    minute = int(scope.view.now // _FRESH)
    if known is not None and known.is_good(version, minute):
        return known.built
    start = time.monotonic()
    built = await build_widget(scope, widget)
    if len(widgets) >= _MOST_WIDGETS:
        widgets.clear()
    end = time.monotonic()
    widgets[key] = KnownWidget(built, version, minute, end + _REST_FACTOR * (end - start - _QUICK))
    return built
