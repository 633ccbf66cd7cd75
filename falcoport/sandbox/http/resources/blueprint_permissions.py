"""Who may read, create, change and delete the entities of a blueprint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import schemas
from falcoport.sandbox.http.permissions import (
    ADMIN,
    MEMBER,
    completed,
    load_permissions,
    save_permissions,
    who,
    who_schema,
)
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.schemas import QUERY, Schema, object_of

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.blueprints import Blueprint

router = Router()

_PATH = "/v1/blueprints/{blueprint}/permissions"
_KIND = "blueprint-permissions"
_OWNED: Schema = {"ownedByTeam": {"type": ["boolean", "null"]}}
# Port publishes `policy` for reading alone; its Terraform provider (2026-08) sends it for all.
_POLICY: Schema = {"policy": {"anyOf": [{"type": "null"}, QUERY]}}
_METADATA = ("$title", "$identifier", "$icon", "$team")
_BLOCKS = ("register", "unregister", "update")
_BLOCK: Schema = {**who_schema(**_OWNED, **_POLICY), "type": ["object", "null"]}
_MEMBERS: Schema = {
    "type": ["object", "null"],
    "additionalProperties": {**who_schema(**_OWNED, **_POLICY), "additionalProperties": True},
}
_BODY = schemas.with_queries(
    object_of(
        {
            "entities": object_of(
                {
                    **dict.fromkeys(("read", *_BLOCKS), _BLOCK),
                    "updateProperties": _MEMBERS,
                    "updateRelations": _MEMBERS,
                }
            )
        }
    )
)


@router.read("GET", _PATH)
def get_permissions(state: State, call: Call) -> Answer:
    """Show who may do what."""
    blueprint = state.blueprints.get(call.path["blueprint"])
    return ok(permissions=_answer(blueprint, load_permissions(state, _KIND, blueprint.key)))


@router.write("PATCH", _PATH, _BODY, needs_admin=True)
def patch_permissions(state: State, call: Call) -> Answer:
    """Set who may do what; a block that is given replaces the old one."""
    blueprint = state.blueprints.get(call.path["blueprint"])
    stored = load_permissions(state, _KIND, blueprint.key)
    given = {
        name: block for name, block in call.body.get("entities", {}).items() if block is not None
    }
    for name in ("updateProperties", "updateRelations"):
        if name in given:
            given[name] = {**stored.get(name, {}), **given[name]}
    stored = {**stored, **given}
    save_permissions(state, call, _KIND, blueprint.key, stored, blueprint=blueprint.key)
    return ok(permissions=_answer(blueprint, stored))


def _answer(blueprint: Blueprint, stored: Document) -> Document:
    """Return the permissions with an entry for each property, relation and metadata field."""
    moderator = f"{blueprint.identifier}-moderator"
    default = who(ADMIN, moderator, ownedByTeam=False)
    members = {
        "updateProperties": (*blueprint.properties, *_METADATA),
        "updateRelations": tuple(blueprint.relations),
    }
    entities: Document = {
        "read": completed(stored.get("read"), who(ADMIN, moderator, MEMBER, ownedByTeam=False))
    }
    entities |= {name: completed(stored.get(name), default) for name in _BLOCKS}
    for group, names in members.items():
        blocks = stored.get(group, {})
        entities[group] = {name: completed(blocks.get(name), default) for name in names}
    return {"entities": entities}
