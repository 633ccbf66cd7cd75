"""What every page is made from: the sandbox's state, and the tables of alerts kept beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.web import rendering
from falcoport.sandbox.web.alert_reader import AlertReader, is_alert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.blueprints import Blueprint

Document = dict[str, Any]


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
    """The pages of one sandbox."""

    state: State
    _readers: dict[int, AlertReader] = field(default_factory=dict)

    def render(self, template: str, view: View, **values: Any) -> str:
        """Return a page as HTML."""
        return rendering.render(template, view.now, origin=view.origin, **values)

    async def read_alerts(self, blueprint: Blueprint) -> AlertReader:
        """Return a blueprint's alerts as the database has them now."""
        reader = self._readers.setdefault(
            blueprint.key,
            AlertReader(self.state.store, self.state.blueprints, f"alerts_{blueprint.key}"),
        )
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


def mapped_blueprints(webhook: Mapping[str, Any]) -> list[str]:
    """Return the blueprints that a webhook writes to."""
    names = [mapping["blueprint"] for mapping in webhook.get("mappings") or ()]
    return [*dict.fromkeys(names)]
