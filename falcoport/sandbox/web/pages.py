"""The pages that a browser shows: the catalog, its alerts, and what became of each event.

Server-rendered; Jinja2 escapes whatever alerts contain, and the pages' content policy forbids
every script and style but the two files served beside them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.ingestion import ingest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.sandbox.ingestion.ingest import Ingest
    from falcoport.sandbox.storage.blueprints import Blueprint, Blueprints
    from falcoport.sandbox.storage.entities import Entities
    from falcoport.sandbox.storage.webhooks import Webhooks

Document = dict[str, Any]

FILES = {"style.css": "text/css; charset=utf-8", "refresh.js": "text/javascript; charset=utf-8"}
"""The files that the pages use, and the type of each."""

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may load and run for these pages."""

_FOLDER = Path(__file__).parent / "templates"
_ON_HOME, _ON_PAGE, _DEPENDENTS, _TROUBLED = 20, 50, 20, 5
_NEWEST = 1 << 62
_PRIORITIES = (
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "informational",
    "debug",
)
_SHOWN_OUTPUT = 400


def read_file(name: str) -> bytes:
    """Return one of the files that the pages use."""
    return (_FOLDER / name).read_bytes()


class Pages:
    """The pages of one sandbox, each returned as HTML text."""

    def __init__(
        self, blueprints: Blueprints, entities: Entities, webhooks: Webhooks, events: Ingest
    ) -> None:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        self._blueprints = blueprints
        self._entities = entities
        self._webhooks = webhooks
        self._events = events
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._templates.filters |= {
            "json": lambda value: json.dumps(value, ensure_ascii=False),
            "moment": _moment,
            "number": lambda value: f"{value:,}",
            "pretty": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
            "priority_class": _priority_class,
            "segment": lambda text: quote(text.encode(errors="replace"), safe=""),
        }

    def home(self) -> str:
        """Return the overview: what arrives, the blueprints, the webhooks, the events."""
        troubled = [
            event
            for state in (ingest.REFUSED, ingest.PARTIAL)
            for event in self._events.events(None, _TROUBLED, state)
        ]
        troubled.sort(key=lambda event: -event["id"])
        return self._rendered(
            "home.html",
            here="home",
            is_live=True,
            feeds=[self._feed(blueprint) for blueprint in self._fed()],
            blueprints=[
                {**_described(blueprint), "count": self._blueprints.count(blueprint)}
                for blueprint in self._blueprints.listed()
            ],
            webhooks=[
                {
                    "title": webhook.document["title"],
                    "identifier": webhook.identifier,
                    "enabled": webhook.enabled,
                    "blueprints": _mapped(webhook.document),
                }
                for webhook in self._webhooks.all().values()
            ],
            totals=self._events.totals(),
            troubled=[_complete(event) for event in troubled[:_TROUBLED]],
        )

    def blueprint(self, identifier: str, before: int | None) -> str:
        """Return a blueprint with a page of its entities, newest first."""
        blueprint = self._blueprints.get(identifier)
        rows = self._rows(blueprint, before or _NEWEST, _ON_PAGE + 1)
        older = rows[_ON_PAGE - 1]["key"] if len(rows) > _ON_PAGE else None
        return self._rendered(
            "blueprint.html",
            here="catalog",
            is_live=before is None,
            blueprint=_described(blueprint),
            count=self._blueprints.count(blueprint),
            rows=rows[:_ON_PAGE],
            is_alert=_is_alert(blueprint),
            older=older,
        )

    def entity(self, blueprint_identifier: str, identifier: str) -> str:
        """Return everything about an entity, and what is related to it."""
        blueprint = self._blueprints.get(blueprint_identifier)
        row = self._entities.existing(blueprint, identifier)
        entity = self._entities.shown([row])[0]
        dependents: dict[int, list[Any]] = {}
        for dependent in self._entities.dependents(row.key, _DEPENDENTS):
            dependents.setdefault(dependent.blueprint, []).append(dependent)
        groups = []
        for key, rows in dependents.items():
            owner = self._blueprints.by_key(key)
            shown = self._entities.shown(rows)
            groups.append(
                {
                    "title": owner.document["title"],
                    "is_alert": _is_alert(owner),
                    "rows": [_row(owner, one, 0) for one in shown],
                }
            )
        return self._rendered(
            "entity.html",
            here="catalog",
            is_live=True,
            blueprint=_described(blueprint),
            entity={"title": None, **entity},
            relations=_relations(blueprint, entity),
            dependents=groups,
        )

    def events(self, before: int | None, state: str | None) -> str:
        """Return a page of events, newest first."""
        rows = self._events.events(before, _ON_PAGE + 1, state)
        return self._rendered(
            "events.html",
            here="events",
            is_live=before is None,
            rows=[_complete(event) for event in rows[:_ON_PAGE]],
            totals=self._events.totals(),
            state=state,
            older=rows[_ON_PAGE - 1]["id"] if len(rows) > _ON_PAGE else None,
        )

    def event(self, key: int) -> str:
        """Return one event with what its mappings saw."""
        event = self._events.event(key)
        if event is None:
            raise ApiError(404, "not_found", f"There is no event {key}.")
        return self._rendered(
            "event.html", here="events", is_live=False, event={"event": None, **_complete(event)}
        )

    def missing(self, message: str) -> str:
        """Return the page for what is not there."""
        return self._rendered("missing.html", here="", is_live=False, message=message)

    def _rendered(self, name: str, **values: Any) -> str:
        return self._templates.get_template(name).render(values)

    def _fed(self) -> list[Blueprint]:
        """Return the blueprints that webhooks write to, or all if there is none."""
        known = self._blueprints.all()
        names = [
            name
            for webhook in self._webhooks.all().values()
            for name in _mapped(webhook.document)
            if name in known
        ]
        return [known[name] for name in dict.fromkeys(names)] or self._blueprints.listed()

    def _feed(self, blueprint: Blueprint) -> Document:
        return {
            "identifier": blueprint.identifier,
            "title": blueprint.document["title"],
            "count": self._blueprints.count(blueprint),
            "is_alert": _is_alert(blueprint),
            "rows": self._rows(blueprint, _NEWEST, _ON_HOME),
        }

    def _rows(self, blueprint: Blueprint, before: int, limit: int) -> list[Document]:
        rows = self._entities.page(blueprint, before, limit, newest_first=True)
        shown = self._entities.shown(rows)
        return [_row(blueprint, entity, row.key) for row, entity in zip(rows, shown, strict=True)]


def _is_alert(blueprint: Blueprint) -> bool:
    return {"priority", "rule"} <= set(blueprint.properties)


def _mapped(webhook: Mapping[str, Any]) -> list[str]:
    """Return the blueprints that a webhook writes to."""
    names = [mapping["blueprint"] for mapping in webhook.get("mappings") or ()]
    return [*dict.fromkeys(names)]


def _described(blueprint: Blueprint) -> Document:
    schema = blueprint.document["schema"]
    required = schema.get("required") or ()
    return {
        "identifier": blueprint.identifier,
        "title": blueprint.document["title"],
        "description": blueprint.document.get("description"),
        "properties": [
            {
                "name": name,
                "title": definition.get("title") or name,
                "type": definition["type"],
                "format": definition.get("format"),
                "required": name in required,
            }
            for name, definition in schema["properties"].items()
        ],
        "relations": [
            {
                "name": name,
                "title": relation.get("title") or name,
                "target": relation["target"],
                "many": relation["many"],
                "required": relation["required"],
            }
            for name, relation in blueprint.document.get("relations", {}).items()
        ],
    }


def _row(blueprint: Blueprint, entity: Document, key: int) -> Document:
    properties = entity["properties"]
    output = properties.get("output")
    return {
        "key": key,
        "blueprint": entity["blueprint"],
        "identifier": entity["identifier"],
        "title": entity.get("title") or entity["identifier"],
        "time": properties.get("time") or entity["createdAt"],
        "priority": properties.get("priority"),
        "rule": properties.get("rule") or entity.get("title") or entity["identifier"],
        "output": output[:_SHOWN_OUTPUT] if isinstance(output, str) else "",
        "hostname": properties.get("hostname"),
        "relations": _relations(blueprint, entity),
        "updated": entity["updatedAt"],
        "author": entity["updatedBy"],
    }


def _relations(blueprint: Blueprint, entity: Document) -> list[Document]:
    found = []
    for name in blueprint.relations:
        value = entity["relations"][name]
        identifiers = value if isinstance(value, list) else [] if value is None else [value]
        definition = blueprint.relation(name)
        found.append(
            {
                "title": definition.get("title") or name,
                "target": definition["target"],
                "identifiers": identifiers,
            }
        )
    return found


def _complete(event: Document) -> Document:
    """Return an event with every key that the templates ask for."""
    outcomes = [
        {"entity": None, "reason": None, "ignored": (), "errors": (), **outcome}
        for outcome in event["outcomes"]
    ]
    return {"reason": None, "skipped": None, "errors": (), **event, "outcomes": outcomes}


def _moment(text: object) -> str:
    """Return a moment short enough for a table: to the second, without its `T`."""
    if not isinstance(text, str):
        return ""
    day, mark, clock = text.partition("T")
    return f"{day} {clock[:8]}" if mark else text


def _priority_class(value: object) -> str:
    name = str(value).lower()
    return name if name in _PRIORITIES else ""
