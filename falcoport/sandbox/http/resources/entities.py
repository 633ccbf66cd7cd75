"""Entities: the things in the catalog, one by one and in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import errors, schemas
from falcoport.sandbox.http.entity_fields import (
    leave_out_computed,
    requested_fields,
    with_titles,
)
from falcoport.sandbox.http.routing import Answer, Router, ok
from falcoport.sandbox.options import OnMissingRelation
from falcoport.sandbox.storage.entities import Mode
from falcoport.sandbox.validation import check, flag

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from falcoport.sandbox.http.routing import Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.storage.entities import Written

router = Router()

_ALL = "/v1/blueprints/{blueprint}/entities"
_ONE = f"{_ALL}/{{entity}}"
_PAGE = 500


@router.read("GET", _ALL)
def list_entities(state: State, call: Call) -> Answer:
    """List a blueprint's entities."""
    return Answer(body={"ok": True}, entities=_pages(state, call, _blueprint(state, call)))


async def _pages(state: State, call: Call, blueprint: Blueprint) -> AsyncIterator[list[Document]]:
    fields = requested_fields(call)
    after = 0
    while rows := state.entities.page(blueprint, after, _PAGE):
        found = leave_out_computed(state, call, state.entities.shown(rows))
        shown = with_titles(state, call, blueprint, found)
        yield [fields.select(entity) for entity in shown]
        after = rows[-1].key


@router.write("POST", _ALL, schemas.ENTITY)
def create_entity(state: State, call: Call) -> Answer:
    """Create an entity, or with `upsert` replace or with `merge` as well change it."""
    trial = flag(call.query, "validation_only")
    written = _create(state, call, call.body)
    body = {"ok": True, "entity": state.entities.by_key(written.key)}
    return Answer(201, body, trial=trial)


def _create(state: State, call: Call, body: Document) -> Written:
    upsert, merge = flag(call.query, "upsert"), flag(call.query, "merge")
    mode = Mode.CREATE
    if upsert:
        mode = Mode.MERGE if merge else Mode.REPLACE
    return state.entities.write(
        _blueprint(state, call),
        body,
        mode,
        call.actor,
        missing=_on_missing(call),
    )


@router.write("POST", f"{_ALL}/bulk", schemas.BULK_ENTITIES)
def create_entities(state: State, call: Call) -> Answer:
    """Create up to 20 entities, each by itself: what is refused does not stop the others."""
    trial = flag(call.query, "validation_only")
    _blueprint(state, call)
    written: list[Document] = []
    failed: list[Document] = []
    for index, body in enumerate(call.body["entities"]):
        try:
            check(body, schemas.ENTITY)
            one = _create(state, call, body)
        except errors.ApiError as error:
            failed.append(
                {
                    "identifier": _name(body.get("identifier")),
                    "index": index,
                    "statusCode": error.status,
                    "error": error.error,
                    "message": error.message,
                }
            )
            continue
        written.append(
            {
                "created": one.created,
                "identifier": one.identifier,
                "index": index,
                "additionalData": {},
            }
        )
    status = 207 if failed else 200
    return Answer(status, {"ok": True, "entities": written, "errors": failed}, trial=trial)


@router.write("POST", "/v1/blueprints/{blueprint}/bulk/entities/delete", schemas.BULK_DELETE)
def delete_entities(state: State, call: Call) -> Answer:
    """Delete up to 100 entities, all of them or none."""
    dependents = flag(call.query, "delete_dependents")
    deleted = state.entities.delete(
        _blueprint(state, call), call.body["entities"], call.actor, dependents=dependents
    )
    return ok(deletedEntities=deleted)


@router.read("GET", _ONE)
def get_entity(state: State, call: Call) -> Answer:
    """Show an entity."""
    found = [state.entities.one(_blueprint(state, call), call.path["entity"])]
    entities = leave_out_computed(state, call, found)
    return ok(entity=requested_fields(call).select(entities[0]))


@router.write("PUT", _ONE, schemas.ENTITY)
def replace_entity(state: State, call: Call) -> Answer:
    """Replace an entity that exists."""
    return _change(state, call, Mode.REPLACE)


@router.write("PATCH", _ONE, schemas.ENTITY)
def patch_entity(state: State, call: Call) -> Answer:
    """Change the given parts of an entity."""
    return _change(state, call, Mode.MERGE)


def _change(state: State, call: Call, mode: Mode) -> Answer:
    blueprint = _blueprint(state, call)
    old = state.entities.existing(blueprint, call.path["entity"])
    written = state.entities.write(
        blueprint,
        call.body,
        mode,
        call.actor,
        missing=_on_missing(call),
        at=old.identifier,
    )
    return ok(entity=state.entities.by_key(written.key))


@router.write("DELETE", _ONE)
def delete_entity(state: State, call: Call) -> Answer:
    """Delete an entity."""
    dependents = flag(call.query, "delete_dependents")
    state.entities.delete(
        _blueprint(state, call), [call.path["entity"]], call.actor, dependents=dependents
    )
    return ok()


def _blueprint(state: State, call: Call) -> Blueprint:
    return state.blueprints.get(call.path["blueprint"])


def _name(identifier: object) -> str:
    """Return what a bulk answer calls an entity that was asked for by a query or not named."""
    return identifier if isinstance(identifier, str) else "unknown"


def _on_missing(call: Call) -> OnMissingRelation:
    if flag(call.query, "create_missing_related_entities"):
        return OnMissingRelation.CREATE
    return OnMissingRelation.REJECT
