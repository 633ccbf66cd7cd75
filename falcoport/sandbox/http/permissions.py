"""What the permissions of blueprints, pages and actions have in common: who may do one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.sandbox.schemas import Schema, object_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.sandbox.http.routing import Call
    from falcoport.sandbox.state import State

Document = dict[str, Any]

ADMIN, MEMBER = "Admin", "Member"
_NAMES: Schema = {"type": ["array", "null"], "items": {"type": "string"}}


def who_schema(**more: Schema) -> Schema:
    """Return the schema of a block that names users, roles and teams; null stands for none."""
    return object_of({"users": _NAMES, "roles": _NAMES, "teams": _NAMES, **more})


def who(*roles: str, **more: Any) -> Document:
    """Return a block that names roles."""
    return {"users": [], "roles": [*roles], "teams": [], **more}


def completed(given: Mapping[str, Any] | None, default: Document) -> Document:
    """Return a block as it is answered: lists are never null, and `ownedByTeam` is a boolean."""
    block = {name: value for name, value in (given or {}).items() if value is not None}
    empty = {name: [] if isinstance(value, list) else value for name, value in default.items()}
    return {**(empty if given is not None else default), **block}


def load_permissions(state: State, kind: str, owner: int) -> Document:
    """Return what was set for a blueprint, page or action, named by its database key."""
    found = state.documents(kind, "Permissions").find(str(owner))
    return {} if found is None else found.document


def save_permissions(
    state: State, call: Call, kind: str, owner: int, body: Document, *, blueprint: int | None
) -> None:
    """Store what is set; it goes with the blueprint of the given key."""
    documents = state.documents(kind, "Permissions")
    found = documents.find(str(owner))
    if found is None:
        documents.create(str(owner), body, call.actor.name, blueprint=blueprint)
    else:
        documents.replace(found, body, call.actor.name)
