"""What every page is made from: the sandbox's state, and the tables of alerts kept beside it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.web import rendering
from falcoport.sandbox.web.alert_reader import AlertReader, is_alert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.web.records import Records
    from falcoport.sandbox.web.widgets.known import KnownWidget

Document = dict[str, Any]

_log = logging.getLogger("falcoport.sandbox")
_PAUSE = 1.0
"""How long changes are collected before the tables follow them, in seconds."""


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
class Site:
    """The pages of one sandbox; `widgets` are those that were built, kept by `widgets.cache`."""

    state: State
    records: Records
    _readers: dict[int, AlertReader] = field(default_factory=dict)
    widgets: dict[str, KnownWidget] = field(default_factory=dict)

    def render(self, template: str, view: View, **values: Any) -> str:
        """Return a page as HTML."""
        return rendering.render(template, view.now, origin=view.origin, **values)

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
