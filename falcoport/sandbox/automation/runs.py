"""Runs of actions: started by people and by events, kept with what was sent and what came back.

A run is in the database before anything is sent for it. After a kill its delivery is made again,
and no second run is made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.sandbox import errors
from falcoport.sandbox.automation.definitions import blueprint_of
from falcoport.sandbox.storage.audit import CREATE, UPDATE, Actor, Subject
from falcoport.sandbox.storage.entities import generated_identifier
from falcoport.sandbox.storage.store import dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.sandbox.storage.audit import Audit
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]

WAITING, HELD, DONE = "waiting", "held", "done"
"""What the sandbox still has to do for a run: send it, wait for an approval, nothing."""
IN_PROGRESS, SUCCESS, FAILURE = "IN_PROGRESS", "SUCCESS", "FAILURE"
AWAITING_APPROVAL, DECLINED = "WAITING_FOR_APPROVAL", "DECLINED"


@dataclass(frozen=True)
class Request:
    """What a run is started with: `context` is what its templates see."""

    action: Document
    source: str
    context: Document
    properties: Document
    entity: Mapping[str, Any] | None = None
    depth: int = 0
    needs_approval: bool = False


class Runs:
    """The runs of one sandbox; writes happen inside a transaction of the caller."""

    def __init__(self, store: Store, audit: Audit) -> None:
        self._store = store
        self._audit = audit

    def create(self, request: Request, actor: Actor) -> Document:
        """Store a new run, ready to be sent unless it needs an approval; return it."""
        identifier = f"r_{generated_identifier()}"
        run = _new_run(identifier, request, actor, self._store.now())
        stored = {
            "run": run,
            "invocation": request.action["invocationMethod"],
            "context": {**request.context, "run": {"id": identifier, "createdBy": actor.name}},
            "depth": request.depth,
        }
        self._store.execute(
            "INSERT INTO run(identifier, action, blueprint, entity, state, document) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                identifier,
                request.action["identifier"],
                blueprint_of(request.action),
                None if request.entity is None else request.entity["identifier"],
                HELD if request.needs_approval else WAITING,
                dump(stored),
            ),
        )
        self._record(CREATE, run, actor)
        return run

    def get(self, identifier: str) -> Document:
        """Return a run; raise a 404 error if there is none."""
        found: Document = self.stored(identifier)["run"]
        return found

    def stored(self, identifier: str) -> Document:
        """Return a run with what it does and what its templates see."""
        text = self._store.scalar("SELECT document FROM run WHERE identifier = ?", (identifier,))
        if text is None:
            raise errors.not_found("Run", identifier)
        found: Document = json.loads(text)
        return found

    def find(
        self, *, limit: int, active: bool | None = None, **columns: str | None
    ) -> list[Document]:
        """Return runs, newest first, of an action, a blueprint or an entity."""
        conditions, values = ["1"], list[Any]()
        for column, value in columns.items():
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        rows = self._store.execute(
            "SELECT document FROM run "  # noqa: S608 - names of columns and question marks
            f"WHERE {' AND '.join(conditions)} ORDER BY key DESC",
            values,
        )
        found: list[Document] = []
        for (text,) in rows:
            run = json.loads(text)["run"]
            if active is None or active == ("endedAt" not in run):
                found.append(run)
            if len(found) == limit:
                break
        return found

    def waiting(self) -> str | None:
        """Return the oldest run that something must be sent for."""
        found: str | None = self._store.scalar(
            "SELECT identifier FROM run WHERE state = ? ORDER BY key LIMIT 1", (WAITING,)
        )
        return found

    def change(self, identifier: str, members: Document, actor: Actor, state: str) -> Document:
        """Change a run; one that has an outcome has ended."""
        stored = self.stored(identifier)
        run = {**stored["run"], **members}
        run |= {"updatedAt": self._store.now(), "updatedBy": actor.name}
        if run["status"] in (SUCCESS, FAILURE, DECLINED):
            run.setdefault("endedAt", run["updatedAt"])
        self._store.execute(
            "UPDATE run SET document = ?, state = ? WHERE identifier = ?",
            (dump({**stored, "run": run}), state, identifier),
        )
        self._record(UPDATE, run, actor)
        return run

    def log(self, run: str, message: str, author: str) -> Document:
        """Add a line to the log of a run."""
        line = {
            "id": f"log_{generated_identifier()}",
            "runId": run,
            "message": message,
            "createdBy": author,
            "createdAt": self._store.now(),
        }
        self._store.execute("INSERT INTO run_log(run, document) VALUES (?, ?)", (run, dump(line)))
        return line

    def logs(self, run: str, limit: int, offset: int) -> list[Document]:
        """Return lines of the log of a run, oldest first."""
        rows = self._store.execute(
            "SELECT document FROM run_log WHERE run = ? ORDER BY key LIMIT ? OFFSET ?",
            (run, limit, offset),
        )
        return [json.loads(text) for (text,) in rows]

    def _record(self, action: str, run: Document, actor: Actor) -> None:
        blueprint = run.get("blueprint", {}).get("identifier")
        subject = Subject("run", run["id"], blueprint)
        self._audit.record(action, subject, actor, after=run)


def _new_run(identifier: str, request: Request, actor: Actor, moment: str) -> Document:
    """Return a run as it is answered when it starts."""
    status = AWAITING_APPROVAL if request.needs_approval else IN_PROGRESS
    approval = request.action.get("requiredApproval")
    run = {
        "id": identifier,
        "action": _name_run(request.action),
        "properties": request.properties,
        "source": request.source,
        "requiredApproval": approval if isinstance(approval, dict) else {"type": "ANY"},
        "status": status,
        "statusLabel": None,
        "createdBy": actor.name,
        "updatedBy": actor.name,
        "createdAt": moment,
        "updatedAt": moment,
    }
    blueprint = blueprint_of(request.action)
    if blueprint is not None:
        run["blueprint"] = {"identifier": blueprint}
    if request.entity is not None:
        run["entity"] = _name_run(request.entity)
    if request.needs_approval:
        run["approval"] = {"state": "PENDING"}
    return run


def _name_run(document: Mapping[str, Any]) -> Document:
    return {
        name: document[name]
        for name in ("identifier", "title", "icon")
        if document.get(name) is not None
    }
