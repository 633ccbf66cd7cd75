"""Teams, as far as clients of Port manage them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.schemas import NULLABLE, STRING, STRINGS, Schema, object_of
from falcoport.sandbox.storage.audit import CREATE, DELETE, UPDATE, Subject

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.documents import Documents, Stored

router = Router()

_ALL, _ONE = "/v1/teams", "/v1/teams/{team}"
_NAME: Schema = {"type": "string", "pattern": r"^[^;#/\?\s][^;#/\?]*[^;#/\?\s]\Z"}
_TEAM = {"name": _NAME, "users": STRINGS, "description": STRING}


@router.read("GET", _ALL)
def list_teams(state: State, _call: Call) -> Answer:
    """List the teams."""
    return ok(teams=[_show(team) for team in _documents(state).all(0)])


@router.write("POST", _ALL, object_of(_TEAM, ("name",), more=True))
def create_team(state: State, call: Call) -> Answer:
    """Create a team."""
    team = _documents(state).create(call.body["name"], call.body, call.actor.name)
    state.audit.record(CREATE, Subject("team", team.identifier), call.actor, after=team.document)
    return ok(team=_write(team))


@router.read("GET", _ONE)
def get_team(state: State, call: Call) -> Answer:
    """Show a team."""
    return ok(team=_show(_documents(state).get(call.path["team"])))


@router.write("PUT", _ONE, object_of(_TEAM, ("name",), more=True))
def replace_team(state: State, call: Call) -> Answer:
    """Replace a team; it may get a new name."""
    return _replace(state, call, call.body)


@router.write(
    "PATCH", _ONE, object_of({**_TEAM, "name": STRING, "description": NULLABLE}, more=True)
)
def patch_team(state: State, call: Call) -> Answer:
    """Change the given fields of a team."""
    old = _documents(state).get(call.path["team"])
    return _replace(state, call, {**old.document, **call.body})


@router.write("DELETE", _ONE)
def delete_team(state: State, call: Call) -> Answer:
    """Delete a team."""
    team = _documents(state).get(call.path["team"])
    _documents(state).delete(team)
    state.audit.record(DELETE, Subject("team", team.identifier), call.actor, before=team.document)
    return ok()


def _documents(state: State) -> Documents:
    return state.documents("team", "Team")


def _replace(state: State, call: Call, body: Document) -> Answer:
    old = _documents(state).get(call.path["team"])
    new = _documents(state).replace(old, body, call.actor.name, identifier=body["name"])
    state.audit.record(
        UPDATE,
        Subject("team", new.identifier),
        call.actor,
        before=old.document,
        after=new.document,
    )
    return ok(team=_write(new))


def _write(team: Stored) -> Document:
    """Return a team as the answer to a write has it.

    Port publishes objects for `users`; its Terraform provider (2026-08) decodes a list of strings
    there, so they are left out, which both can read.
    """
    return {name: value for name, value in _show(team).items() if name != "users"}


def _show(team: Stored) -> Document:
    document = team.document
    shown = {
        "id": f"team_{team.key}",
        "name": document["name"],
        "provider": "port",
        "createdAt": document["createdAt"],
        "updatedAt": document["updatedAt"],
        "users": [
            {"email": email, "firstName": "", "lastName": "", "status": "ACTIVE"}
            for email in document.get("users") or ()
        ],
    }
    if document.get("description"):
        shown["description"] = document["description"]
    return shown
