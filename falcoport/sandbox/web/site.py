"""What every page is made from: the sandbox's state, and the tables of alerts kept beside it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.storage.store import dump
from falcoport.sandbox.web import rendering
from falcoport.sandbox.web.alert_reader import AlertReader, is_alert
from falcoport.sandbox.web.widgets import build_widget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.web.records import Records
    from falcoport.sandbox.web.widgets.desk import Desk

Document = dict[str, Any]

_log = logging.getLogger("falcoport.sandbox")
_PAUSE = 1.0
"""How long changes are collected before the tables follow them, in seconds."""

_FRESH = 60.0
"""For how many seconds a widget about a period like "the last day" is shown as it was made."""

_MOST_WIDGETS = 500
_QUICK, _REST_FACTOR = 0.1, 10
"""What takes longer than so many seconds is kept for so many times as long."""


@dataclass(frozen=True)
class View:
    """One look at a page: the decoded parts of its path, its query, where and when.

    `origin` is the address under which the browser knows the sandbox, without a slash at its end.
    """

    path: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    origin: str
    now: float

    def last(self, name: str) -> str | None:
        """Return the last value of a query parameter, or None."""
        return next((value for key, value in reversed(self.query) if key == name), None)


@dataclass(frozen=True)
class _Known:
    """A widget as it was made: of which version of the data, when, and until when it may be old."""

    built: Document
    version: int
    minute: int
    until: float

    def is_good(self, version: int, minute: int) -> bool:
        """Return whether it may still be shown.

        One that takes long to make is shown for a while even if the data changed: figures about
        100,000 entities must not be made anew with each alert that arrives.
        """
        return (self.version, self.minute) == (version, minute) or time.monotonic() < self.until


@dataclass(frozen=True)
class Site:
    """The pages of one sandbox."""

    state: State
    records: Records
    _readers: dict[int, AlertReader] = field(default_factory=dict)
    _widgets: dict[str, _Known] = field(default_factory=dict)

    def render(self, template: str, view: View, **values: Any) -> str:
        """Return a page as HTML."""
        return rendering.render(template, view.now, origin=view.origin, **values)

    async def widget(self, desk: Desk, widget: Document) -> Document:
        """Return what the template shows of a widget; made anew only if anything has changed."""
        key = dump([widget, desk.filters, desk.entity])
        known = self._widgets.get(key)
        version = self.state.store.version
        minute = int(desk.view.now // _FRESH)
        if known is not None and known.is_good(version, minute):
            return known.built
        start = time.monotonic()
        built = await build_widget(desk, widget)
        if len(self._widgets) >= _MOST_WIDGETS:
            self._widgets.clear()
        end = time.monotonic()
        self._widgets[key] = _Known(
            built, version, minute, end + _REST_FACTOR * (end - start - _QUICK)
        )
        return built

    async def read_alerts(self, blueprint: Blueprint) -> AlertReader:
        """Return a blueprint's alerts as the database has them now."""
        reader = self._readers.get(blueprint.key)
        if reader is None:
            name = f"alerts_{blueprint.key}"
            reader = AlertReader(self.state.store, self.state.blueprints, name)
            self._readers[blueprint.key] = reader
        await reader.refresh(blueprint)
        return reader

    def alert_blueprints(self) -> list[Blueprint]:
        """Return the blueprints of alerts, those that webhooks write to first."""
        known = self.state.blueprints.all()
        written = [
            name
            for webhook in self.state.webhooks.all().values()
            for name in mapped_blueprints(webhook.document)
        ]
        names = dict.fromkeys([*written, *known])
        return [known[name] for name in names if name in known and is_alert(known[name])]


def build_site(state: State) -> Site:
    """Return the pages of a sandbox, with nothing read yet."""
    from falcoport.sandbox.web.records import Records

    return Site(state, Records(state))


async def follow_alerts(site: Site) -> None:
    """Keep the tables of alerts as the database is, until cancelled.

    Reading waits until no event waits to be mapped, so that alerts that come in are not slowed;
    the first page that somebody opens then finds everything counted already.
    """
    changed = asyncio.Event()
    changed.set()
    site.state.entities.listeners.append(lambda _change: changed.set())
    while True:
        await changed.wait()
        changed.clear()
        await site.state.ingest.settled()
        await asyncio.sleep(_PAUSE)
        # Between two alerts of many it is only quiet for a moment.
        if not site.state.ingest.is_idle():
            changed.set()
            continue
        try:
            for blueprint in site.alert_blueprints():
                await site.read_alerts(blueprint)
        except Exception:  # noqa: BLE001 - such as a disk that is full: pages read by themselves
            _log.exception("the pages cannot read the alerts: a fault of the sandbox")


def mapped_blueprints(webhook: Mapping[str, Any]) -> list[str]:
    """Return the blueprints that a webhook writes to."""
    names = [mapping["blueprint"] for mapping in webhook.get("mappings") or ()]
    return [*dict.fromkeys(names)]
