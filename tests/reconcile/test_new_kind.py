"""A kind of thing that falcoport does not know: one class and one registration are all it takes.

It has an endpoint of its own in a server of its own, which loses an answer when it is asked to.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from falcoport.errors import ConflictError
from falcoport.port.api import PortApi
from falcoport.port.transport import Transport
from falcoport.reconcile.apply import Task, apply
from falcoport.reconcile.changes import Action
from falcoport.reconcile.goal import Goal
from falcoport.reconcile.journal import Journal
from falcoport.resources.interface import Key, Resource
from falcoport.resources.merging import merge
from falcoport.resources.registry import KINDS
from falcoport.settings import SettingOptions, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcoport.json_types import Json

# --- the kind -------------------------------------------------------------------------------

NOTE = {"identifier": str}


@dataclass(frozen=True)
class Note(Resource):
    """A text that is kept in Port."""

    kind = "note"
    body: Json

    @property
    def key(self) -> Key:
        return Key(self.kind, self.body["identifier"])

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        return api.find(("notes", key.identifier), "note", NOTE)

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:
        return api.list_all(("notes",), ("notes",))

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json:  # noqa: ARG003 -- it is in the body
        return api.write("POST", ("notes",), body, "note", NOTE)

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json:
        return api.write("PATCH", ("notes", key.identifier), body, "note", NOTE)

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        api.delete(("notes", key.identifier))

    @classmethod
    def find_references(cls, body: Json, to: Key) -> Iterator[str]:
        if body.get("about") == to.identifier:
            yield f"note {body['identifier']!r} is about it"

    def merge(self, live: Json | None) -> Json:
        return merge(live, self.body) if live is not None else self.body


REGISTERED: dict[str, type[Resource]] = {**KINDS, "note": Note}


# --- its server -----------------------------------------------------------------------------


@dataclass
class NoteServer:
    """The notes that are kept, and what to do to the next write: nothing, or to lose its answer."""

    url: str = ""
    notes: dict[str, Json] = field(default_factory=dict)
    lose: int = 0
    writes: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    state: ClassVar[NoteServer]

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.removeprefix("/v1/notes").strip("/")
        if not name:
            listed = {"notes": list(self.state.notes.values()), "blueprints": [], "webhooks": []}
            self._answer(200, listed)
        elif name in self.state.notes:
            self._answer(200, {"note": self.state.notes[name]})
        else:
            self._answer(404, {"ok": False, "error": "not_found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("access_token"):
            self._answer(200, {"accessToken": "t", "expiresIn": 60, "tokenType": "Bearer"})
            return
        name = body["identifier"]
        if name in self.state.notes:
            self._write(409, {"ok": False, "error": "identifier_taken"})
            return
        self.state.notes[name] = {**body, "createdAt": "2026-01-01T00:00:00Z"}
        self._write(201, {"note": self.state.notes[name]})

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = self.path.rsplit("/", 1)[1]
        self.state.notes[name].update(body)
        self._write(200, {"note": self.state.notes[name]})

    def do_DELETE(self) -> None:
        self.state.notes.pop(self.path.rsplit("/", 1)[1], None)
        self._write(200, {"ok": True})

    def _write(self, status: int, body: Json) -> None:
        self.state.writes.append(self.command)
        if self.state.lose:
            self.state.lose -= 1
            self.close_connection = True
            return
        self._answer(status, body)

    def _answer(self, status: int, body: Json) -> None:
        content = json.dumps({"ok": True, **body}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server() -> Iterator[NoteServer]:
    state = NoteServer()
    handler = type("Handler", (_Handler,), {"state": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        state.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield state
        running.shutdown()
        thread.join()


@contextmanager
def connect(server: NoteServer) -> Iterator[PortApi]:
    options = SettingOptions("id", "a long enough secret", api_url=server.url)
    transport = Transport(resolve(options, {}))
    try:
        yield PortApi(transport)
    finally:
        transport.close()


def run(server: NoteServer, goal: Goal, *, neighbours: bool = False) -> list[Action]:
    task = Task(goal.keys, lambda _catalog: goal, kinds=REGISTERED, neighbours=neighbours)
    with connect(server) as api:
        applied = apply(api, task, Journal())
    return [change.action for change in applied.changes]


FIRST = Note({"identifier": "first", "text": "one"})


def test_it_is_created_then_left_alone_then_updated(server: NoteServer) -> None:
    assert run(server, Goal((FIRST,))) == [Action.CREATE]
    assert run(server, Goal((FIRST,))) == [Action.UNCHANGED]
    server.notes["first"]["mine"] = "kept"
    assert run(server, Goal((Note({"identifier": "first", "text": "two"}),))) == [Action.UPDATE]
    assert server.writes == ["POST", "PATCH"]
    assert (server.notes["first"]["text"], server.notes["first"]["mine"]) == ("two", "kept")


def test_it_is_planned_field_by_field_and_nothing_is_written(server: NoteServer) -> None:
    server.notes["first"] = {"identifier": "first", "text": "old"}
    task = Task((FIRST.key,), lambda _catalog: Goal((FIRST,)), kinds=REGISTERED)
    with connect(server) as api:
        [change] = task.plan(task.read(api)).changes
    assert [(f.field, f.before, f.after) for f in change.fields] == [("text", "old", "one")]
    assert server.writes == []


@pytest.mark.parametrize("existing", [None, {"identifier": "first", "text": "old"}])
def test_a_lost_answer_is_settled_by_reading(server: NoteServer, existing: Json | None) -> None:
    if existing is not None:
        server.notes["first"] = existing
    server.lose = 1
    run(server, Goal((FIRST,)))
    assert server.notes["first"]["text"] == "one"
    assert len(server.writes) == 1


def test_an_answer_that_is_always_lost_is_no_failure_where_reading_shows_it(
    server: NoteServer,
) -> None:
    server.lose = 99
    assert run(server, Goal((FIRST,))) == [Action.CREATE]


def test_it_is_taken_away(server: NoteServer) -> None:
    server.notes["first"] = dict(FIRST.body)
    server.lose = 1
    assert run(server, Goal(absent=(FIRST,))) == [Action.DELETE]
    assert server.notes == {}
    assert run(server, Goal(absent=(FIRST,))) == [Action.UNCHANGED]


def test_what_depends_on_it_stops_its_removal(server: NoteServer) -> None:
    server.notes = {
        "first": dict(FIRST.body),
        "second": {"identifier": "second", "about": "first"},
    }
    registered: dict[str, type[Resource]] = {"note": Note}
    goal = Goal(absent=(FIRST,))
    task = Task(goal.keys, lambda _catalog: goal, kinds=registered, neighbours=True)
    with connect(server) as api, pytest.raises(ConflictError, match="Note 'second' is about it"):
        apply(api, task, Journal())
    assert server.writes == []
