"""Blueprints: the kinds of things in the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import schemas
from falcoport.sandbox.automation.definitions import blueprint_of
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.validation import flag

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call
    from falcoport.sandbox.state import State

router = Router()

_ALL, _ONE = "/v1/blueprints", "/v1/blueprints/{blueprint}"


@router.read("GET", _ALL)
def list_blueprints(state: State, _call: Call) -> Answer:
    """List the blueprints."""
    return ok(blueprints=[blueprint.document for blueprint in state.blueprints.listed()])


@router.write("POST", _ALL, schemas.BLUEPRINT_POST)
def create_blueprint(state: State, call: Call) -> Answer:
    """Create a blueprint, and its page unless that is not wanted."""
    with_page = flag(call.query, "create_catalog_page", default=True)
    blueprint = state.blueprints.create(call.body, call.actor)
    state.pages.create_for_blueprint(
        blueprint["identifier"], call.actor.name, with_catalog=with_page
    )
    return ok(201, blueprint=blueprint)


@router.read("GET", _ONE)
def get_blueprint(state: State, call: Call) -> Answer:
    """Show a blueprint."""
    return ok(blueprint=state.blueprints.get(call.path["blueprint"]).document)


@router.write("PUT", _ONE, schemas.BLUEPRINT_PUT)
def replace_blueprint(state: State, call: Call) -> Answer:
    """Replace a blueprint."""
    blueprint = state.blueprints.replace(call.path["blueprint"], call.body, call.actor)
    return ok(blueprint=blueprint)


@router.write("PATCH", _ONE, schemas.BLUEPRINT_PATCH)
def patch_blueprint(state: State, call: Call) -> Answer:
    """Change the given fields of a blueprint."""
    blueprint = state.blueprints.patch(call.path["blueprint"], call.body, call.actor)
    return ok(blueprint=blueprint)


@router.write("DELETE", _ONE)
def delete_blueprint(state: State, call: Call) -> Answer:
    """Delete a blueprint without entities."""
    with_actions = flag(call.query, "delete_actions")
    identifier = call.path["blueprint"]
    state.blueprints.delete(identifier, call.actor)
    actions = state.documents("action", "Action")
    for stored in list(actions.all(0)) if with_actions else ():
        if blueprint_of(stored.document) == identifier:
            actions.delete(stored)
    return ok()


@router.read("GET", f"{_ONE}/entities-count")
def count_entities(state: State, call: Call) -> Answer:
    """Count a blueprint's entities."""
    return ok(count=state.blueprints.count(state.blueprints.get(call.path["blueprint"])))


@router.write("PATCH", f"{_ONE}/properties/{{member}}/rename", schemas.RENAME_PROPERTY)
def rename_property(state: State, call: Call) -> Answer:
    """Rename a property; entities keep its values."""
    return _rename(state, call, "properties", call.body["newPropertyName"])


@router.write("PATCH", f"{_ONE}/relations/{{member}}/rename", schemas.RENAME_RELATION)
def rename_relation(state: State, call: Call) -> Answer:
    """Rename a relation; entities stay related."""
    return _rename(state, call, "relations", call.body["newRelationIdentifier"])


@router.write("PATCH", f"{_ONE}/mirror/{{member}}/rename", schemas.RENAME_MIRROR)
def rename_mirror(state: State, call: Call) -> Answer:
    """Rename a mirror property."""
    return _rename(state, call, "mirrorProperties", next(iter(call.body.values())))


def _rename(state: State, call: Call, group: str, name: str) -> Answer:
    blueprint = state.blueprints.rename_member(
        call.path["blueprint"], group, call.path["member"], name, call.actor
    )
    return ok(blueprint=blueprint)
