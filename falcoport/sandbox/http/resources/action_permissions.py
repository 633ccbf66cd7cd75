"""Who may run an action, and who approves its runs."""

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

router = Router()

_PATH = "/v1/actions/{action}/permissions"
_KIND = "action-permissions"
_POLICY: Schema = {
    "policy": {
        "anyOf": [
            {"type": "null"},
            object_of(
                {
                    "queries": {
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": QUERY,
                    },
                    "conditions": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "minLength": 1},
                    },
                },
                ("queries", "conditions"),
            ),
        ]
    }
}
_BODY = schemas.with_queries(
    object_of(
        {
            "execute": who_schema(ownedByTeam={"type": ["boolean", "null"]}, **_POLICY),
            "approve": who_schema(**_POLICY),
        }
    )
)
_DEFAULTS = {
    "execute": who(ADMIN, MEMBER, ownedByTeam=False, policy=None),
    "approve": who(ADMIN, policy=None),
}


@router.read("GET", _PATH)
def get_permissions(state: State, call: Call) -> Answer:
    """Show who may do what."""
    action = state.documents("action", "Action").get(call.path["action"])
    return ok(permissions=_answer(load_permissions(state, _KIND, action.key)))


@router.write("PATCH", _PATH, _BODY, needs_admin=True)
def patch_permissions(state: State, call: Call) -> Answer:
    """Set who may do what; a block that is given replaces the old one."""
    action = state.documents("action", "Action").get(call.path["action"])
    stored = {**load_permissions(state, _KIND, action.key), **call.body}
    save_permissions(state, call, _KIND, action.key, stored, blueprint=action.blueprint)
    return ok(permissions=_answer(stored))


def _answer(stored: Document) -> Document:
    return {name: completed(stored.get(name), default) for name, default in _DEFAULTS.items()}
