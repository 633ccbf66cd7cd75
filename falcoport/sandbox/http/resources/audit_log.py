"""The audit log: every change and every event that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.http.parameters import read_choice, read_flag, read_limit, read_moment
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.storage.audit import FAILURE, MAX_ENTRIES, SUCCESS, Filters

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State

router = Router()

_DEFAULT_LIMIT = 100
_COLUMNS = {
    "identifier": "identifier",
    "blueprint": "blueprint",
    "run_id": "run",
    "action": "action",
    "status": "status",
}
_FIELDS = (
    "action context diff identifier resourceType status trigger additionalData message"
).split()


@router.read("GET", "/v1/audit-log", needs_admin=True)
def list_audit_log(state: State, call: Call) -> Answer:
    """List the entries that match, newest first.

    Port publishes the parameters but neither the answer nor how it is paged: here the list is
    `audits`, and `next` of an answer is `from_id` of the next call.
    """
    query = call.query
    values: dict[str, str | int | None] = {
        column: query.get(name) for name, column in _COLUMNS.items()
    }
    read_choice(query, "status", (SUCCESS, FAILURE))
    entity = query.get("entity")
    if entity is not None:
        values |= {"identifier": entity, "resource": "entity"}
    if "webhookId" in query:
        values["webhook"] = _webhook_key(state, query["webhookId"])
    if "webhookEventId" in query:
        values["event"] = read_limit(query, "webhookEventId", maximum=1 << 62)
    limit = read_limit(query, "limit", maximum=MAX_ENTRIES) or _DEFAULT_LIMIT
    entries = state.audit.find(
        Filters(
            values=values,
            resources=_list(call, "resources"),
            origins=_list(call, "origin"),
            start=read_moment(query, "from"),
            end=read_moment(query, "to"),
            before=read_limit(query, "from_id", maximum=1 << 62),
            limit=limit,
            include_deleted=read_flag(query, "include_deleted_entities", default=True),
        )
    )
    following = entries[-1]["id"] if len(entries) == limit else None
    wanted = _list(call, "includes")
    return ok(audits=[_select(entry, wanted) for entry in entries], next=following)


def _webhook_key(state: State, name: str) -> int:
    """Return the database key of a webhook named by its identifier or its key; 0 for none."""
    webhook = state.webhooks.all().get(name) or state.webhooks.at(name)
    return 0 if webhook is None else webhook.key


def _list(call: Call, name: str) -> tuple[str, ...]:
    """Return the values of a parameter that may be repeated, with or without `[]` behind it."""
    return (*call.listed.get(name, ()), *call.listed.get(f"{name}[]", ()))


def _select(entry: Document, wanted: tuple[str, ...]) -> Document:
    if not wanted:
        return entry
    return {name: value for name, value in entry.items() if name not in _FIELDS or name in wanted}
