"""Users, as far as clients of Port read and invite them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.http.parameters import read_flag
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.schemas import STRING, STRINGS, Schema, object_of
from falcoport.sandbox.storage.tokens import ORGANIZATION_ID

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.documents import Documents, Stored

router = Router()

_ALL, _ONE = "/v1/users", "/v1/users/{user}"
_EMAIL: Schema = {"type": "string", "pattern": r"^[^;#/\?\s][^;#/\?]*[^;#/\?\s]\Z"}
_INVITEE = object_of({"email": _EMAIL, "roles": STRINGS, "teams": STRINGS}, ("email",), more=True)


@router.read("GET", _ALL)
def list_users(state: State, _call: Call) -> Answer:
    """List the users."""
    return ok(users=[_show(user) for user in _documents(state).all(0)])


@router.write("POST", f"{_ALL}/invite", object_of({"invitee": _INVITEE}, ("invitee",)))
def invite_user(state: State, call: Call) -> Answer:
    """Add a user who was invited; nobody is written to."""
    read_flag(call.query, "notify", default=True)
    invitee = call.body["invitee"]
    _documents(state).create(invitee["email"], invitee, call.actor.name)
    return ok()


@router.read("GET", _ONE)
def get_user(state: State, call: Call) -> Answer:
    """Show a user."""
    return ok(user=_show(_documents(state).get(call.path["user"])))


@router.write(
    "PATCH",
    _ONE,
    object_of({"roles": {**STRINGS, "minItems": 1}, "teams": {"type": "array", "items": STRING}}),
)
def patch_user(state: State, call: Call) -> Answer:
    """Change the roles and teams of a user."""
    old = _documents(state).get(call.path["user"])
    return ok(**_show(_documents(state).patch(old, call.body, call.actor.name)))


@router.write("DELETE", _ONE)
def delete_user(state: State, call: Call) -> Answer:
    """Remove a user."""
    _documents(state).delete(_documents(state).get(call.path["user"]))
    return ok()


def _documents(state: State) -> Documents:
    return state.documents("user", "User")


def _show(user: Stored) -> Document:
    document = user.document
    return {
        "id": f"user_{user.key}",
        "email": document["email"],
        "firstName": "",
        "lastName": "",
        "picture": "",
        "status": "STAGED",
        "type": "STANDARD",
        "providers": [],
        "createdAt": document["createdAt"],
        "updatedAt": document["updatedAt"],
        "orgs": [{"id": ORGANIZATION_ID}],
        "teams": document.get("teams") or [],
        "roles": [{"name": name} for name in document.get("roles") or ["Member"]],
    }
