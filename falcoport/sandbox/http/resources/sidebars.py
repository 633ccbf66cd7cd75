"""Sidebars: the folders and pages that Port lists beside the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import errors
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.schemas import NULLABLE, STRING, object_of

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.documents import Documents

router = Router()

_SIDEBAR = "/v1/sidebars/{sidebar}"
_FOLDERS, _FOLDER = f"{_SIDEBAR}/folders", f"{_SIDEBAR}/folders/{{folder}}"
_MEMBERS = {
    "identifier": {"type": "string", "minLength": 1},
    "title": STRING,
    "parent": NULLABLE,
    "after": NULLABLE,
    "icon": NULLABLE,
    "description": NULLABLE,
}
_KNOWN = "catalog"


@router.read("GET", _SIDEBAR)
def get_sidebar(state: State, call: Call) -> Answer:
    """Show a sidebar with its folders and pages."""
    _check_sidebar(call)
    folders = [_folder(stored.document) for stored in _documents(state).all(0)]
    pages = [
        {
            "identifier": page["identifier"],
            "title": page.get("title", page["identifier"]),
            "sidebar": _KNOWN,
            "sidebarType": "page",
            "type": page.get("type"),
            "parent": page.get("parent"),
            "after": page.get("after"),
        }
        for page in state.pages.all()
        if page.get("type") != "entity"
    ]
    return ok(sidebar={"identifier": _KNOWN, "items": [*folders, *pages]})


@router.write("POST", _FOLDERS, object_of(_MEMBERS, ("identifier",), more=True))
def create_folder(state: State, call: Call) -> Answer:
    """Create a folder."""
    _check_sidebar(call)
    made = _documents(state).create(call.body["identifier"], call.body, call.actor.name)
    return ok(201, identifier=made.identifier, folder=_folder(made.document))


@router.read("GET", _FOLDER)
def get_folder(state: State, call: Call) -> Answer:
    """Show a folder."""
    _check_sidebar(call)
    return ok(folder=_folder(_documents(state).get(call.path["folder"]).document))


def _change(state: State, call: Call) -> Answer:
    """Change the given fields of a folder; it may get a new identifier."""
    _check_sidebar(call)
    old = _documents(state).get(call.path["folder"])
    body = {**old.document, **call.body}
    new = _documents(state).replace(old, body, call.actor.name, identifier=body["identifier"])
    return ok(folder=_folder(new.document))


router.write("PATCH", _FOLDER, object_of(_MEMBERS, more=True))(_change)
router.write("PUT", _FOLDER, object_of(_MEMBERS, more=True))(_change)


@router.write("DELETE", _FOLDER)
def delete_folder(state: State, call: Call) -> Answer:
    """Delete a folder; what was in it moves to the top."""
    _check_sidebar(call)
    folder = _documents(state).get(call.path["folder"])
    _documents(state).delete(folder)
    for documents in (_documents(state), state.pages.documents):
        for stored in list(documents.all(0)):
            if stored.document.get("parent") == folder.identifier:
                body = {**stored.document, "parent": None}
                documents.replace(stored, body, call.actor.name)
    return ok()


def _documents(state: State) -> Documents:
    return state.documents("folder", "Folder")


def _check_sidebar(call: Call) -> None:
    if call.path["sidebar"] != _KNOWN:
        raise errors.not_found("Sidebar", call.path["sidebar"])


def _folder(document: Document) -> Document:
    members = {name: value for name, value in document.items() if name in _MEMBERS}
    return {**members, "sidebar": _KNOWN, "sidebarType": "folder"}
