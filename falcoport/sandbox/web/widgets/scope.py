"""Where widgets find entities: by dataset, within the filters of their page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.web.records import names_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.web.records import HasValues
    from falcoport.sandbox.web.site import Document, Site, View

_NAMING = ("property", "measureTimeBy", "breakdownProperty")
_LISTING = ("properties", "groupBy")
_ALL: Document = {"combinator": "and", "rules": []}
_COLORS = (
    "blue", "turquoise", "purple", "orange", "pink", "green", "gold", "paleBlue", "bronze", "lime",
    "brown", "silver", "olive", "darkGray",
)  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """What the widgets of one page are built with.

    `filters` are the page's own; `entity` is set on the page of one, with its blueprint.
    """

    site: Site
    view: View
    filters: Sequence[Document] = ()
    entity: tuple[str, str] | None = None

    async def prepare(self, widgets: Sequence[Document]) -> None:
        """Read what the widgets of a page name, so that each need not read it by itself."""
        names: dict[str, set[str]] = {}
        for widget in widgets:
            # Several lines may be about several blueprints.
            for part in [widget, *(widget.get("lines") or ())]:
                try:
                    blueprints = self.blueprints(part)
                except ApiError:
                    continue
                for blueprint in blueprints:
                    names.setdefault(blueprint.identifier, set()).update(_names_in(part))
        for identifier, some in names.items():
            blueprint = self.site.state.blueprints.get(identifier)
            for one in self._filters_of(blueprint):
                some.update(names_in(one) or ())
            await self.site.records.prepare(blueprint, some)

    async def find(
        self, widget: Mapping[str, object], names: Iterable[str], *, others: Sequence[Document] = ()
    ) -> list[HasValues]:
        """Return the entities of a widget's dataset, with the values under `names`.

        `others` are queries that they must match too.
        """
        dataset = read_query(widget.get("dataset"))
        wanted = [*names]
        found: list[HasValues] = []
        for blueprint in self.blueprints(widget):
            rules = [
                one for one in (dataset, *others, *self._filters_of(blueprint)) if one["rules"]
            ]
            query = {"combinator": "and", "rules": rules}
            found += await self.site.records.find(blueprint, query, wanted)
        return found

    def blueprints(self, widget: Mapping[str, object]) -> list[Blueprint]:
        """Return the blueprints that a widget is about."""
        name = widget.get("blueprint")
        dataset = read_query(widget.get("dataset"))
        if isinstance(name, str) and name:
            return [self.site.state.blueprints.get(name)]
        if not dataset["rules"]:
            raise ApiError(422, "invalid_request", "The widget names no blueprint and no dataset")
        return self.site.state.search.blueprints_of(dataset)

    def entity_of(self, widget: Mapping[str, object]) -> tuple[Blueprint, Document]:
        """Return the entity that a widget is about: the one it names, or the page's own."""
        blueprint_name, name = widget.get("blueprint"), widget.get("entity")
        if self.entity is not None and (not name or "{{" in str(name)):
            blueprint_name, name = self.entity
        blueprint = self.site.state.blueprints.get(str(blueprint_name))
        return blueprint, self.site.state.entities.one(blueprint, str(name))

    def definition_of(self, widget: Mapping[str, object], name: str) -> Document:
        """Return what the blueprint says of a property or relation; empty if it is none."""
        for blueprint in self.blueprints(widget):
            document = blueprint.document
            for group in (
                document["schema"]["properties"],
                document.get("relations", {}),
                document.get("calculationProperties", {}),
                document.get("mirrorProperties", {}),
                document.get("aggregationProperties", {}),
            ):
                if name in group:
                    found: Document = group[name]
                    return found
        return {}

    def _filters_of(self, blueprint: Blueprint) -> list[Document]:
        return [
            read_query(one.get("query"))
            for one in self.filters
            if (one.get("query") or {}).get("blueprint") in (None, blueprint.identifier)
        ]


def read_query(query: object) -> Document:
    """Return a dataset as a query: Port takes a list of rules in its place too."""
    if isinstance(query, list):
        return {"combinator": "and", "rules": query}
    if isinstance(query, dict):
        return {"combinator": query.get("combinator", "and"), "rules": query.get("rules") or []}
    return _ALL


def _names_in(part: object) -> Iterator[str]:
    """Yield every property that a widget names, whatever for."""
    if isinstance(part, list):
        for one in part:
            yield from _names_in(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in _NAMING and isinstance(value, str):
                yield value
            elif key in _LISTING and isinstance(value, list):
                yield from (one for one in value if isinstance(one, str))
            else:
                yield from _names_in(value)


def choose_colors(
    definition: Mapping[str, object], names: Sequence[str], *, otherwise: str = ""
) -> list[str]:
    """Return the class that colours each value: as its blueprint says, or by priority.

    A value without a colour of its own gets one of many, or `otherwise`.
    """
    from falcoport.sandbox.web.rendering import class_of_priority

    said = definition.get("enumColors")
    colors = said if isinstance(said, dict) else {}
    known = [class_of_priority(name) for name in names]
    if not colors and names and all(one != "other" for one in known):
        return known
    found = []
    for position, name in enumerate(names):
        any_color = otherwise or f"color-{_COLORS[position % len(_COLORS)]}"
        found.append(f"color-{colors[name]}" if name in colors else any_color)
    return found
