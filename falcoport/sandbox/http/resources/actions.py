"""Actions: what people start from Port, and automations that start by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.automation.definitions import (
    ACTION,
    blueprint_of,
    check_action,
    is_automation,
)
from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.http.parameters import read_flag
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.storage.audit import CREATE, DELETE, UPDATE, Subject

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.documents import Documents, Stored

router = Router()

_ALL, _ONE = "/v1/actions", "/v1/actions/{action}"
_OF_BLUEPRINT = "/v1/blueprints/{blueprint}/actions"
_ONE_OF_BLUEPRINT = f"{_OF_BLUEPRINT}/{{action}}"


@router.read("GET", _ALL)
def list_actions(state: State, call: Call) -> Answer:
    """List the actions that match the parameters."""
    published = None
    if "published" in call.query:
        published = read_flag(call.query, "published")
    return ok(
        actions=[
            stored.document
            for stored in _documents(state).all(0)
            if _is_wanted(stored.document, call)
            and published in (None, bool(stored.document.get("publish")))
        ]
    )


def _is_wanted(action: Document, call: Call) -> bool:
    trigger = action["trigger"]
    event = trigger.get("event", {})
    values = {
        "action_identifier": action["identifier"],
        "blueprint_identifier": blueprint_of(action),
        "operation": trigger.get("operation"),
        "trigger_type": trigger["type"],
        "trigger_event": event.get("type"),
        "trigger_event_action_identifier": event.get("actionIdentifier"),
    }
    return all(
        name not in call.listed or value in call.listed[name] for name, value in values.items()
    )


@router.write("POST", _ALL, ACTION)
def create_action(state: State, call: Call) -> Answer:
    """Create an action or an automation."""
    body = call.body
    _check(state, body)
    made = _documents(state).create(body["identifier"], body, call.actor.name)
    _record(state, call, CREATE, after=made)
    return ok(201, action=made.document)


@router.read("GET", _ONE)
def get_action(state: State, call: Call) -> Answer:
    """Show an action."""
    return ok(action=_store(state, call).document)


@router.write("PUT", _ONE, ACTION)
def replace_action(state: State, call: Call) -> Answer:
    """Replace an action; it may get a new identifier."""
    old = _store(state, call)
    _check(state, call.body)
    new = _documents(state).replace(
        old, call.body, call.actor.name, identifier=call.body["identifier"]
    )
    _record(state, call, UPDATE, before=old, after=new)
    return ok(action=new.document)


@router.write("DELETE", _ONE)
def delete_action(state: State, call: Call) -> Answer:
    """Delete an action; its runs stay."""
    action = _store(state, call)
    _documents(state).delete(action)
    _record(state, call, DELETE, before=action)
    return ok()


@router.read("GET", _OF_BLUEPRINT)
def list_blueprint_actions(state: State, call: Call) -> Answer:
    """List the self-service actions of a blueprint, as older clients ask for them."""
    blueprint = state.blueprints.get(call.path["blueprint"]).identifier
    found = [stored.document for stored in _documents(state).all(0)]
    return ok(
        actions=[one for one in found if not is_automation(one) and blueprint_of(one) == blueprint]
    )


@router.read("GET", _ONE_OF_BLUEPRINT)
def get_blueprint_action(state: State, call: Call) -> Answer:
    """Show an action by its older path."""
    state.blueprints.get(call.path["blueprint"])
    return get_action(state, call)  # type: ignore[return-value]  # it answers at once


def _refuse_older_call(_state: State, _call: Call) -> Answer:
    """Refuse to write by the older path, as Port does (port-cli changelog 0.3.7)."""
    raise ApiError(410, "gone", "This call is gone; use /v1/actions")


for _method, _path in (
    ("POST", _OF_BLUEPRINT),
    ("PUT", _OF_BLUEPRINT),
    ("PUT", _ONE_OF_BLUEPRINT),
    ("DELETE", _ONE_OF_BLUEPRINT),
):
    router.read(_method, _path)(_refuse_older_call)


def _documents(state: State) -> Documents:
    return state.documents("action", "Action")


def _store(state: State, call: Call) -> Stored:
    return _documents(state).get(call.path["action"])


def _check(state: State, body: Document) -> None:
    check_action(body)
    for name in (
        blueprint_of(body),
        body["invocationMethod"].get("blueprintIdentifier"),
    ):
        # A template is filled in when the action runs.
        if name is not None and "{{" not in name:
            state.blueprints.get(name)


def _record(
    state: State,
    call: Call,
    action: str,
    *,
    before: Stored | None = None,
    after: Stored | None = None,
) -> None:
    stored = after or before
    assert stored is not None
    state.audit.record(
        action,
        Subject("action", stored.identifier, blueprint_of(stored.document)),
        call.actor,
        before=None if before is None else before.document,
        after=None if after is None else after.document,
    )
