"""What `setup --with …` makes, as the provider's resources: pages, scorecards and actions.

Attributes and how the provider reads Port back: its sources (`port/page`, `port/scorecard`,
`port/action`, 2026-08); what is written here equals what it reads. Its pages need
PORT_BETA_FEATURES_ENABLED=true. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.terraform.go_json import write_go_json
from falcoport.terraform.hcl import Block, Reference, label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.json_types import Json

_EVENTS = {
    "ENTITY_CREATED": "entity_created_event",
    "ENTITY_UPDATED": "entity_updated_event",
    "ENTITY_DELETED": "entity_deleted_event",
    "ANY_ENTITY_CHANGE": "any_entity_change_event",
    "TIMER_PROPERTY_EXPIRED": "timer_property_expired_event",
}
_RULE = ("identifier", "title", "description", "level")
_TEXTS = ("title", "icon", "description")


@dataclass(frozen=True)
class ExtraBodies:
    """Extras as Port has them. A scorecard's body names its `blueprint`.

    `unsupported` says what is there and has no resource of the provider that would leave others'
    parts alone.
    """

    pages: tuple[Json, ...] = ()
    scorecards: tuple[Json, ...] = ()
    actions: tuple[Json, ...] = ()
    unsupported: tuple[str, ...] = ()


def build_blocks(extras: ExtraBodies, *, adopt: bool) -> list[Block]:
    """Return the resources, each with an import block before it where they exist already."""
    named = [
        *(("port_page", one["identifier"], one["identifier"], _page(one)) for one in extras.pages),
        *(
            (
                "port_scorecard",
                f"{one['blueprint']}_{one['identifier']}",
                f"{one['blueprint']}:{one['identifier']}",
                _scorecard(one),
            )
            for one in extras.scorecards
        ),
        *(
            ("port_action", one["identifier"], one["identifier"], _action(one))
            for one in extras.actions
        ),
    ]
    blocks = []
    for kind, name, identifier, attributes in named:
        address = f"{kind}.{label(name)}"
        if adopt:
            blocks.append(Block(("import",), {"to": Reference(address), "id": identifier}))
        comments: tuple[str, ...] = (
            ("Needs PORT_BETA_FEATURES_ENABLED=true in the environment.",)
            if kind == "port_page"
            else ()
        )
        blocks.append(Block(("resource", kind, label(name)), attributes, comments=comments))
    if extras.unsupported and blocks:
        first = blocks[0]
        note = ("Not in this file, since the provider would take others' parts away with it:",)
        comments = (*note, *(f"- {one}" for one in extras.unsupported), *first.comments)
        blocks[0] = Block(first.header, first.attributes, first.blocks, comments)
    return blocks


def _page(page: Json) -> Json:
    names = ("identifier", "type", *_TEXTS, "parent", "after", "locked", "blueprint")
    attributes: Json = {key: page[key] for key in names if page.get(key) is not None}
    for key, name in (("widgets", "widgets"), ("pageFilters", "page_filters")):
        if page.get(key) is not None:
            attributes[name] = [write_go_json(one) for one in page[key]]
    return attributes


def _query(query: Json) -> Json:
    return {
        "combinator": query["combinator"],
        "conditions": [write_go_json(one) for one in query["conditions"]],
    }


def _scorecard(scorecard: Json) -> Json:
    attributes: Json = {key: scorecard[key] for key in ("identifier", "blueprint", "title")}
    if scorecard.get("filter"):
        attributes["filter"] = _query(scorecard["filter"])
    attributes["levels"] = [
        {"title": level["title"], "color": level["color"]} for level in scorecard["levels"]
    ]
    attributes["rules"] = [
        {
            **{key: rule[key] for key in _RULE if key in rule},
            "query": _query(rule["query"]),
        }
        for rule in scorecard["rules"]
    ]
    return attributes


def _action(action: Json) -> Json:
    names = ("identifier", *_TEXTS, "publish")
    attributes: Json = {key: action[key] for key in names if action.get(key) is not None}
    trigger, invocation = action["trigger"], action["invocationMethod"]
    if trigger["type"] == "automation":
        attributes["automation_trigger"] = _automation(trigger)
    else:
        attributes["self_service_trigger"] = {
            "blueprint_identifier": trigger["blueprintIdentifier"],
            "operation": trigger["operation"],
        }
    if invocation["type"] == "WEBHOOK":
        attributes["webhook_method"] = _webhook_method(invocation)
    else:
        attributes["upsert_entity_method"] = _upsert_method(invocation)
    return attributes


def _automation(trigger: Json) -> Json:
    event = trigger["event"]
    names = {
        "blueprintIdentifier": "blueprint_identifier",
        "propertyIdentifier": "property_identifier",
    }
    attributes: Json = {_EVENTS[event["type"]]: _rename(event, names)}
    condition = trigger.get("condition")
    if condition is not None:
        names = {"expressions": "expressions", "combinator": "combinator"}
        attributes["jq_condition"] = _rename(condition, names)
    return attributes


def _webhook_method(invocation: Json) -> Json:
    names = {"url": "url", "method": "method", "headers": "headers"}
    attributes = _rename(invocation, names)
    for key in ("agent", "synchronized", "body"):
        if invocation.get(key) is not None:
            attributes[key] = write_go_json(invocation[key])
    return attributes


def _upsert_method(invocation: Json) -> Json:
    mapping = invocation["mapping"]
    attributes = _rename(mapping, {"identifier": "identifier", "icon": "icon"})
    for key in ("properties", "relations"):
        if mapping.get(key) is not None:
            attributes[key] = write_go_json(mapping[key])
    title = _rename(mapping, {"title": "title"})
    return {
        "blueprint_identifier": invocation["blueprintIdentifier"],
        **title,
        "mapping": attributes,
    }


def _rename(value: Json, names: Mapping[str, str]) -> Json:
    return {name: value[key] for key, name in names.items() if value.get(key) is not None}
