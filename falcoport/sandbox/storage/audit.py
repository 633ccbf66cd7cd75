"""The audit log: who changed what, when, and why an event was not stored.

What an entry looks like is documented for entities (Port docs, Set up automation trigger): action,
resourceType, trigger, context, diff, status. The answer of `GET /v1/audit-log` around it is not
published; the sandbox calls the list `audits`.

A row of an entity holds what it was before; what it became is in the next row of the same entity,
or is the entity itself. A new alert so costs one short row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from falcoport.sandbox.storage.store import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]

SUCCESS, FAILURE = "SUCCESS", "FAILURE"
CREATE, UPDATE, DELETE = "CREATE", "UPDATE", "DELETE"
MAX_ENTRIES = 1000
"""The most entries of one page; Port does not document its own limit."""


@dataclass(frozen=True)
class Actor:
    """Who makes a change: `name` is what `createdBy` says, `origin` where it came from.

    `webhook` and `event` are the database keys of what was received, `run` the id of the run of
    an action, `datasource` what Port's integrations find their entities by, `depth` how many
    automations led to the change.
    """

    name: str
    origin: str = "API"
    datasource: str = ""
    webhook: int | None = None
    event: int | None = None
    run: str | None = None
    depth: int = 0


class Subject(NamedTuple):
    """What is changed; `entity` is the database key of an entity, `blueprint` its identifier."""

    resource: str
    identifier: str
    blueprint: str | None = None
    entity: int | None = None


@dataclass(frozen=True)
class Filters:
    """Which entries are asked for; what is None or empty does not narrow."""

    values: Mapping[str, str | int | None] = field(default_factory=dict)
    resources: Sequence[str] = ()
    origins: Sequence[str] = ()
    start: str | None = None
    end: str | None = None
    before: int | None = None
    limit: int = MAX_ENTRIES
    include_deleted: bool = True


class Audit:
    """The audit log of one sandbox; entries are written inside the transaction of the change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.current: Callable[[int], Document | None] = lambda _key: None
        """Returns an entity by its database key; set by what puts the sandbox together."""

    def record(
        self,
        action: str,
        subject: Subject,
        actor: Actor,
        *,
        before: Document | None = None,
        after: Document | None = None,
    ) -> None:
        """Add an entry for a change that happens."""
        texts = [None if one is None else dump(one) for one in (before, after)]
        self._insert(action, subject, actor, (SUCCESS, None, *texts))

    def record_failure(self, action: str, subject: Subject, actor: Actor, message: str) -> None:
        """Add an entry for a change that did not happen, with the reason."""
        self._insert(action, subject, actor, (FAILURE, message, None, None))

    def _insert(
        self, action: str, subject: Subject, actor: Actor, result: tuple[str | None, ...]
    ) -> None:
        self._store.defer(
            _INSERT,
            (
                self._store.now(),
                action,
                subject.resource,
                subject.identifier,
                subject.blueprint,
                subject.entity,
                actor.webhook,
                actor.event,
                actor.run,
                actor.name,
                actor.origin,
                *result,
            ),
        )

    def find(self, filters: Filters) -> list[Document]:
        """Return the entries asked for, newest first."""
        conditions, values = _conditions(filters)
        rows = self._store.execute(
            f"SELECT {_COLUMNS} FROM audit "  # noqa: S608 - fixed words and question marks
            f"WHERE {' AND '.join(conditions)} ORDER BY key DESC LIMIT ?",
            (*values, filters.limit),
        ).fetchall()
        return [self._entry(dict(zip(_NAMES, row, strict=True))) for row in rows]

    def history(self, entity: int) -> list[tuple[str, Document | None]]:
        """Return when an entity changed and what it was from then on, oldest first.

        New entities are not in the index of the log: what they were made as says when.
        """
        rows = self._store.execute(
            "SELECT at, action, before FROM audit WHERE entity = ? AND entity IS NOT NULL "
            "AND action <> 'CREATE' AND status = 'SUCCESS' ORDER BY key",
            (entity,),
        ).fetchall()
        states = [json.loads(before) for _, _, before in rows]
        last = None if rows and rows[-1][1] == DELETE else self.current(entity)
        states.append(last)
        made = states[0]["createdAt"] if states[0] is not None else ""
        moments = [made, *(at for at, _, _ in rows)]
        return list(zip(moments, states, strict=True))

    def _after(self, entity: int, key: int) -> Document | None:
        row = self._store.one(
            "SELECT before FROM audit WHERE entity = ? AND entity IS NOT NULL "
            "AND action <> 'CREATE' AND key > ? AND status = 'SUCCESS' "
            "AND before IS NOT NULL ORDER BY key LIMIT 1",
            (entity, key),
        )
        if row is None:
            return self.current(entity)
        found: Document = json.loads(row[0])
        return found

    def _entry(self, row: Document) -> Document:
        before = None if row["before"] is None else json.loads(row["before"])
        after = None if row["after"] is None else json.loads(row["after"])
        if row["entity"] is not None and row["action"] in (CREATE, UPDATE):
            after = self._after(row["entity"], row["key"])
        context = {
            "blueprint": row["blueprint"],
            "entity": row["identifier"] if row["resource"] == "entity" else None,
            "webhookId": row["webhook_identifier"],
            "webhookEventId": None if row["event"] is None else str(row["event"]),
            "runId": row["run"],
        }
        return {
            "id": str(row["key"]),
            "action": row["action"],
            "resourceType": row["resource"],
            "identifier": row["identifier"],
            "status": row["status"],
            "message": row["message"],
            "trigger": {
                "at": row["at"],
                "by": {"byId": row["author"]},
                "origin": row["origin"],
            },
            "context": {name: value for name, value in context.items() if value is not None},
            "diff": {"before": before, "after": after},
            "additionalData": {},
        }


_INSERT = (
    "INSERT INTO audit(at, action, resource, identifier, blueprint, entity, webhook, event, run, "
    "author, origin, status, message, before, after) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_NAMES = (
    "key at resource action status identifier blueprint entity event run author origin message "
    "before after webhook_identifier"
).split()
_WEBHOOK = "(SELECT webhook.identifier FROM webhook WHERE webhook.key = audit.webhook)"
_COLUMNS = ", ".join([*_NAMES[:-1], _WEBHOOK])


def _conditions(filters: Filters) -> tuple[list[str], list[Any]]:
    conditions, values = ["1"], list[Any]()
    for column, value in filters.values.items():
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    for column, some in (("resource", filters.resources), ("origin", filters.origins)):
        if some:
            conditions.append(f"{column} IN ({','.join('?' * len(some))})")
            values += some
    for condition, value in (
        ("at >= ?", filters.start),
        ("at <= ?", filters.end),
        ("key < ?", filters.before),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if not filters.include_deleted:
        conditions.append("(entity IS NULL OR entity IN (SELECT key FROM entity))")
    return conditions, values
