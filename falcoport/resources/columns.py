"""The columns of the pages that Port makes with a blueprint: its table, and an entity's own page.

Port hides all properties of a new blueprint there. Columns that somebody chose stay as they are.
Requests and fields: Port API reference, 2026-01 (widgets `table-entities-explorer`, `entity-info`,
`entity-details`); how the pages are called and made: Port's Terraform provider, 2026-08.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.resources.interface import Key, Resource
from falcoport.resources.layout import replace_widgets
from falcoport.resources.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from falcoport.json_types import Json
    from falcoport.port.api import PortApi

_TABLE = "table-entities-explorer"
_DETAILS = ("entity-info", "entity-details")
_WIDGETS = "widgets"
_CONFIG = "blueprintConfig"
_SETTINGS = "propertiesSettings"


@dataclass(frozen=True)
class Columns(Resource):
    """What a page that Port made with `blueprint` shows, where nobody chose yet.

    `table` is what a table's `blueprintConfig` says, `order` the properties that an entity's
    details begin with.
    """

    kind = "columns"

    page: str
    blueprint: str
    table: Json
    order: tuple[str, ...]

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.page)

    @property
    def follows(self) -> tuple[Key, ...]:
        """The blueprint, with which the page comes and goes."""
        return (Key("blueprint", self.blueprint),)

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """See Resource: it is the page."""
        return Page.read(api, Key(Page.kind, key.identifier))

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:  # noqa: ARG003 -- nothing depends on columns
        """Return nothing: pages are looked at as pages."""
        return []

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json | None:
        """Set them in the page that Port made with the blueprint; None where it made none."""
        live = cls.read(api, key)
        if live is None:
            return None
        wanted = cls(key.identifier, body["blueprint"], body["table"], tuple(body["order"]))
        merged = wanted.merge(live)
        return live if merged == live else cls.update(api, key, {_WIDGETS: merged[_WIDGETS]})

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json | None:
        """See Resource."""
        return Page.update(api, Key(Page.kind, key.identifier), body)

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """Not for columns: they go with their page."""
        raise NotImplementedError

    def merge(self, live: Json | None) -> Json:
        """See Resource."""
        if live is None:
            return {"blueprint": self.blueprint, "table": self.table, "order": [*self.order]}
        return self._change(live, self._choose)

    def remove_own(self, live: Json) -> Json | None:
        """See Resource: columns that somebody changed are theirs."""
        return self._change(live, self._forget)

    def describe_rest(self, rest: Json) -> str:  # noqa: ARG002 -- it is the same for all
        """See Resource."""
        return "the page stays, with the columns that Port shows by itself"

    def _change(self, live: Json, change: Callable[[Json], Json]) -> Json:
        widgets: Sequence[Any] = live.get(_WIDGETS) or []
        changed = replace_widgets(widgets, change)
        return live if changed == list(widgets) else {**live, _WIDGETS: changed}

    def _choose(self, widget: Json) -> Json:
        config = (widget.get(_CONFIG) or {}).get(self.blueprint) or {}
        if self._is_table(widget) and _SETTINGS not in config:
            mine = {**self.table, **config}
            return {**widget, _CONFIG: {**(widget.get(_CONFIG) or {}), self.blueprint: mine}}
        if widget.get("type") in _DETAILS and "order" not in widget:
            return {**widget, "order": [*self.order]}
        return widget

    def _forget(self, widget: Json) -> Json:
        config = (widget.get(_CONFIG) or {}).get(self.blueprint) or {}
        if self._is_table(widget) and config.get(_SETTINGS) == self.table[_SETTINGS]:
            others = {k: v for k, v in config.items() if v != self.table.get(k)}
            rest = {k: v for k, v in widget[_CONFIG].items() if k != self.blueprint}
            rest |= {self.blueprint: others} if others else {}
            kept = {k: v for k, v in widget.items() if k != _CONFIG}
            return {**kept, _CONFIG: rest} if rest else kept
        if widget.get("type") in _DETAILS and widget.get("order") == [*self.order]:
            return {key: value for key, value in widget.items() if key != "order"}
        return widget

    def _is_table(self, widget: Json) -> bool:
        return widget.get("type") == _TABLE and widget.get("blueprint") == self.blueprint
