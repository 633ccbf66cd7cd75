"""A page of Port: a dashboard whose widgets are ours, and perhaps others' beside them.

Requests and fields: Port API reference, 2026-01, and Port's Terraform provider, 2026-08: a POST
answers with the identifier alone, so that what Port stored is read back. A widget is ours by its
id. Where it stands belongs to whoever arranges the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.errors import Problem
from falcoport.manifests.page import find_named_fields
from falcoport.resources.interface import Key, Resource
from falcoport.resources.layout import is_holder, make_rows, replace_widgets, walk
from falcoport.resources.merging import merge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcoport.json_types import Json
    from falcoport.port.api import PortApi
    from falcoport.resources.interface import Catalog

_KEYS = {"identifier": str}
_WIDGETS = "widgets"
_MADE_BY_PORT = ("blueprint-entities", "entity")
"""The types of the pages that Port makes with a blueprint, and deletes with it."""
_FIELD_GROUPS = (
    "relations",
    "mirrorProperties",
    "calculationProperties",
    "aggregationProperties",
)


@dataclass(frozen=True)
class Page(Resource):
    """What one dashboard must be; `body` is as in a manifest, with one widget that holds all.

    `retired` are the ids of widgets that were ours under other options; they go.
    """

    kind = "page"
    keep_hint = "Change the page in Port first."

    body: Json
    retired: frozenset[str] = frozenset()

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.body["identifier"])

    @property
    def follows(self) -> tuple[Key, ...]:
        """The blueprints whose entities it shows."""
        names = dict.fromkeys(name for name, _field in self._find_named_fields())
        return tuple(Key("blueprint", name) for name in names)

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """See Resource."""
        return api.find(("pages", key.identifier), "page", _KEYS)

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:
        """See Resource."""
        return api.list_all(("pages",), ("pages",), {"compact": "false"})

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json | None:
        """See Resource."""
        api.send("POST", ("pages",), body)
        return cls.read(api, key)

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json | None:
        """See Resource."""
        return api.write("PATCH", ("pages", key.identifier), body, "page", _KEYS)

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """See Resource."""
        api.delete(("pages", key.identifier))

    @classmethod
    def find_references(cls, body: Json, to: Key) -> Iterator[str]:
        """Say which widgets of a dashboard show entities of a blueprint."""
        if to.kind != "blueprint" or body.get("type") in _MADE_BY_PORT:
            return
        for widget in walk(body.get(_WIDGETS) or []):
            if not is_holder(widget) and _shows(widget, to.identifier):
                what = widget.get("title") or widget.get("id")
                yield f"widget {what!r} of page {body.get('identifier')!r} shows its entities"

    def merge(self, live: Json | None) -> Json:
        """See Resource: our widgets are as named wherever they stand; missing ones come last."""
        if live is None:
            return self.body
        own = {str(widget["id"]): widget for widget in self._leaves}
        found: set[str] = set()

        def lay_over(widget: Json) -> Json | None:
            name = str(widget.get("id"))
            if name not in own:
                return None if name in self.retired else widget
            found.add(name)
            return merge(widget, own[name])

        widgets = replace_widgets(live.get(_WIDGETS) or [], lay_over)
        missing = [widget for name, widget in own.items() if name not in found]
        named = {key: value for key, value in self.body.items() if key != _WIDGETS}
        body = merge(live, named)
        return {**body, _WIDGETS: self._append(widgets, missing) if missing else widgets}

    def find_conflicts(self, live: Json | None) -> Iterator[Problem]:
        """Refuse to change a page of the same identifier that somebody else made."""
        if live is None or self._is_own(live):
            return
        yield Problem(
            "conflict",
            f"Port has a page {self.key.identifier!r} that falcoport did not make; it stays as "
            "it is and nothing was written.",
            str(self.key),
            "Rename or remove that page in Port, or leave the dashboard out of --with.",
        )

    def check_result(self, planned: Catalog) -> Iterator[Problem]:
        """List what widgets name although the blueprint will not have it; they would be empty."""
        for blueprint, name in dict.fromkeys(self._find_named_fields()):
            found = planned.get(Key("blueprint", blueprint))
            if found is not None and name not in list_fields(found):
                yield Problem(
                    "bad_manifest",
                    f"A widget shows {name!r}, which blueprint {blueprint!r} has neither in the "
                    "manifest nor in Port.",
                    f"{self.key}: {name}",
                )

    def remove_own(self, live: Json) -> Json | None:
        """See Resource: the page goes when nobody else's widget is left in it."""
        if not self._is_own(live):
            return live
        own = self._own_ids
        kept = replace_widgets(
            live.get(_WIDGETS) or [],
            lambda widget: None if str(widget.get("id")) in own else widget,
        )
        if all(is_holder(widget) for widget in walk(kept)):
            return None
        return {**live, _WIDGETS: kept}

    def describe_rest(self, rest: Json) -> str:
        """See Resource."""
        count = sum(not is_holder(widget) for widget in walk(rest[_WIDGETS]))
        return "1 widget of others stays" if count == 1 else f"{count} widgets of others stay"

    @property
    def _root(self) -> Json:
        root: Json = self.body[_WIDGETS][0]
        return root

    @property
    def _leaves(self) -> list[Json]:
        return list(self._root[_WIDGETS])

    @property
    def _own_ids(self) -> frozenset[str]:
        return self.retired | {str(widget["id"]) for widget in walk(self.body[_WIDGETS])}

    def _find_named_fields(self) -> Iterator[tuple[str, str]]:
        for widget in self._leaves:
            yield from find_named_fields(widget)

    def _is_own(self, live: Json) -> bool:
        own = self._own_ids
        return any(str(widget.get("id")) in own for widget in walk(live.get(_WIDGETS) or []))

    def _append(self, widgets: list[Any], missing: list[Json]) -> list[Any]:
        """Put our missing widgets below what stands in our dashboard widget, or in a new one."""
        rows = make_rows(missing, self._root["layout"])
        for index, widget in enumerate(widgets):
            if isinstance(widget, dict) and widget.get("id") == self._root["id"]:
                filled = {
                    **widget,
                    "layout": [*(widget.get("layout") or []), *rows],
                    _WIDGETS: [*(widget.get(_WIDGETS) or []), *missing],
                }
                return [*widgets[:index], filled, *widgets[index + 1 :]]
        return [*widgets, {**self._root, "layout": rows, _WIDGETS: missing}]


def _shows(value: Any, blueprint: str) -> bool:
    """Tell whether a widget of anybody's, or a part of it, is about entities of a blueprint."""
    if isinstance(value, list):
        return any(_shows(one, blueprint) for one in value)
    if not isinstance(value, dict):
        return False
    is_rule = value.get("property") == "$blueprint" and value.get("value") == blueprint
    return is_rule or any(
        (key == "blueprint" and one == blueprint)
        or (key == "blueprintConfig" and isinstance(one, dict) and blueprint in one)
        or _shows(one, blueprint)
        for key, one in value.items()
    )


def list_fields(blueprint: Json) -> set[str]:
    """Return the names of all properties and relations of a blueprint, computed ones included."""
    return {
        *(blueprint.get("schema") or {}).get("properties", {}),
        *(name for group in _FIELD_GROUPS for name in blueprint.get(group) or {}),
    }


def fit_page(body: Json, blueprint: Json) -> Json:
    """Return a page without what names a field that its blueprint lacks.

    Columns of a table are left out one by one, any other widget as a whole. Widgets about other
    blueprints stay.
    """
    identifier, fields = str(blueprint["identifier"]), list_fields(blueprint)

    def fit(widget: Json) -> Json | None:
        widget = _fit_columns(widget, identifier, fields)
        lacking = any(
            name == identifier and field not in fields for name, field in find_named_fields(widget)
        )
        return None if lacking else widget

    return {**body, _WIDGETS: replace_widgets(body[_WIDGETS], fit)}


def _fit_columns(widget: Json, blueprint: str, fields: set[str]) -> Json:
    config = (widget.get("blueprintConfig") or {}).get(blueprint)
    if config is None or "propertiesSettings" not in config:
        return widget
    columns = {
        key: [name for name in names if name.startswith("$") or name in fields]
        for key, names in config["propertiesSettings"].items()
    }
    fitted = {**config, "propertiesSettings": columns}
    return {**widget, "blueprintConfig": {**widget["blueprintConfig"], blueprint: fitted}}
