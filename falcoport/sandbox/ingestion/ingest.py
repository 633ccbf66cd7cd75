"""Webhook events: taken in, kept, mapped with libjq, and what became of each.

An event is in the database before it is answered, and is marked as handled in the transaction
that writes its entities: a kill at any moment neither loses nor repeats one. Events that arrive
together share one commit, and are mapped together.
Facts are those of Port's docs, "Webhook", as of 2026-01.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import sqlite3
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import regex

from falcoport.mapping.event import build_event_text
from falcoport.mapping.numbers import stored_float, stored_integer
from falcoport.sandbox import errors
from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.ingestion.evaluator_process import EvaluatorProcess, evaluate
from falcoport.sandbox.schemas import ENTITY, ENTITY_IDENTIFIER
from falcoport.sandbox.storage.audit import CREATE, DELETE, Actor, Subject
from falcoport.sandbox.storage.entities import Mode
from falcoport.sandbox.storage.store import dump
from falcoport.sandbox.storage.webhooks import MASK
from falcoport.sandbox.validation import check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.mapping.outcomes import Outcome
    from falcoport.sandbox.ingestion.evaluator_process import Outcomes
    from falcoport.sandbox.options import OnMissingRelation
    from falcoport.sandbox.storage.audit import Audit
    from falcoport.sandbox.storage.blueprints import Blueprints
    from falcoport.sandbox.storage.entities import Entities
    from falcoport.sandbox.storage.store import Store
    from falcoport.sandbox.storage.webhooks import Webhook, Webhooks

MAX_PAYLOAD = 512 * 1024
"""The most bytes of one event (Port docs, Webhook, limits)."""

_BATCH = 64
_PAUSE = 1.0
"""Seconds before events are tried again that could not be mapped."""
_log = logging.getLogger("falcoport.sandbox")
_IDENTIFIER = regex.compile(ENTITY_IDENTIFIER["pattern"])

INGEST = "INGEST"
"""The audit log's action for an event of which nothing became; Port documents none."""

_UPDATE = (
    "UPDATE event SET state = ?, result = ?, "
    "payload = CASE WHEN ? THEN NULL ELSE payload END WHERE key = ?"
)
_INSERT = "INSERT INTO event(webhook, received, state, payload, result) VALUES (?, ?, ?, ?, ?)"

WAITING, MAPPED, PARTIAL, SKIPPED, REFUSED = "waiting", "mapped", "partial", "skipped", "refused"
"""What an event can be: not mapped yet; stored all; stored some; stored nothing, as its mapping
says; stored nothing, though it should have been."""


@dataclass(frozen=True)
class Delivery:
    """One request to a webhook's URL; `headers` have the names as they were sent."""

    headers: Sequence[tuple[str, str]]
    query: Mapping[str, str]
    raw: bytes


@dataclass(frozen=True)
class _Event:
    """A row of the event table, final if it was rejected on arrival."""

    webhook: Webhook
    state: str
    payload: str | None
    result: Mapping[str, Any] | None = None


class DeliveryRejected(Exception):  # noqa: N818 - a decision, not a fault
    """An event that is not processed: the status Port might answer, and why."""

    def __init__(self, status: int, error: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.error = error
        self.reason = reason


class Ingest:
    """Takes events in and maps them, on one event loop."""

    def __init__(
        self,
        store: Store,
        blueprints: Blueprints,
        webhooks: Webhooks,
        entities: Entities,
        log: Audit,
        on_missing_relation: OnMissingRelation,
    ) -> None:
        self._store = store
        self._blueprints = blueprints
        self._webhooks = webhooks
        self._entities = entities
        self._audit = log
        self._on_missing_relation = on_missing_relation
        self._arrived: list[tuple[_Event, asyncio.Future[None]]] = []
        self._work = asyncio.Event()
        self._work.set()
        self._idle = asyncio.Event()
        self._obstacle: sqlite3.Error | None = None
        self._process = EvaluatorProcess()

    # --- taking in --------------------------------------------------------------------------

    async def take(self, webhook: Webhook, delivery: Delivery) -> DeliveryRejected | None:
        """Keep an event, and return once it is kept; return why it will not be processed."""
        rejected = None
        try:
            event = _Event(webhook, WAITING, _event_text(webhook, delivery))
        except DeliveryRejected as rejection:
            rejected = rejection
            event = _Event(webhook, REFUSED, None, {"reason": rejection.reason, "outcomes": []})
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        if not self._arrived:
            loop.call_soon(self._keep_all)
        self._arrived.append((event, kept))
        await kept
        return rejected

    def _keep_all(self) -> None:
        """Write every event that has arrived by now in one transaction."""
        arrived, self._arrived = self._arrived, []
        received = self._store.now()
        try:
            with self._store.transaction():
                self._store.executemany(
                    _INSERT,
                    [
                        (event.webhook.key, received, event.state, event.payload, None)
                        for event, _ in arrived
                        if event.result is None
                    ],
                )
                for event, _ in arrived:
                    if event.result is not None:
                        self._keep_rejected(event, received)
        except Exception as error:  # noqa: BLE001 - each sender must learn that it was not kept
            for _, kept in arrived:
                if not kept.done():
                    kept.set_exception(error)
            return
        for event, kept in arrived:
            if not kept.done():
                kept.set_result(None)
            if event.result is not None:
                _log.info(
                    "webhook %s: event refused: %s",
                    _line(event.webhook.identifier),
                    event.result["reason"],
                )
        self._idle.clear()
        self._work.set()

    def _keep_rejected(self, event: _Event, received: str) -> None:
        assert event.result is not None
        key = self._store.execute(
            _INSERT, (event.webhook.key, received, event.state, event.payload, dump(event.result))
        ).lastrowid
        self._record_failure(event.webhook, int(key or 0), event.result["reason"])

    def _record_failure(self, webhook: Webhook, event: int, reason: str) -> None:
        """Note in the audit log that nothing at all became of an event."""
        actor = _actor(webhook, event)
        self._audit.record_failure(INGEST, Subject("webhook", webhook.identifier), actor, reason)

    # --- mapping ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Map events as they come, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                while await self._map_some():  # noqa: ASYNC110 - others get their turn in between
                    await asyncio.sleep(0)
                self._obstacle = None
            except sqlite3.Error as error:
                await self._wait_for_storage(error)
            except Exception:  # noqa: BLE001 - the events wait for a better moment
                _log.exception("events cannot be mapped now: a fault of the sandbox")
                await asyncio.sleep(_PAUSE)
                self._work.set()
            if not self._work.is_set():
                self._idle.set()

    async def _wait_for_storage(self, error: sqlite3.Error) -> None:
        """Say that the database takes nothing, and try again after a pause."""
        if self._obstacle is None:
            _log.error("events cannot be mapped now: %s", error)
        self._obstacle = error
        # Whoever waits for the end gets an error instead of waiting for a disk.
        self._idle.set()
        await asyncio.sleep(_PAUSE)
        self._work.set()

    def is_idle(self) -> bool:
        """Return whether no event waits to be mapped."""
        return self._idle.is_set()

    async def settled(self) -> None:
        """Return once no event waits to be mapped; raise a 503 error if none can be now."""
        await self._idle.wait()
        if self._obstacle is not None:
            raise errors.cannot_store(self._obstacle)

    async def close(self) -> None:
        """End the process that evaluates what might not end."""
        await self._process.close()

    async def _map_some(self) -> bool:
        """Map the oldest waiting events; return whether there were any."""
        rows = self._store.execute(
            "SELECT key, webhook, payload FROM event WHERE state = 'waiting' ORDER BY key LIMIT ?",
            (_BATCH,),
        ).fetchall()
        evaluated = []
        for webhook_key, group in groupby(rows, key=lambda row: row[1]):
            some = list(group)
            webhook = self._webhooks.by_key(webhook_key)
            found = await self._evaluate(webhook, [row[2] for row in some])
            evaluated += [
                (row[0], webhook, outcomes) for row, outcomes in zip(some, found, strict=True)
            ]
        try:
            self._apply_all(evaluated)
        except sqlite3.Error:
            raise
        except Exception:  # noqa: BLE001 - found out one by one which event it was
            for one in evaluated:
                self._apply_alone(one)
        return bool(rows)

    async def _evaluate(self, webhook: Webhook | None, events: list[str]) -> list[Outcomes]:
        if webhook is None:
            return ["" for _ in events]
        try:
            if webhook.is_bounded:
                return evaluate(webhook.evaluator, events)
            return await self._process.evaluate(webhook.mappings, events)
        except Exception as error:  # noqa: BLE001 - one webhook must not hold up the others
            _log.exception("mappings could not be evaluated: a fault of the sandbox")
            return [_fault(error) for _ in events]

    def _apply_all(self, events: Sequence[tuple[int, Webhook | None, Outcomes]]) -> None:
        finished = []
        with self._store.transaction():
            for key, webhook, outcomes in events:
                result = self._applied(webhook, key, outcomes)
                finished.append((key, webhook, result))
                self._finish(key, result)
        for key, webhook, result in finished:
            _log_event(key, webhook, result)

    def _apply_alone(self, event: tuple[int, Webhook | None, Outcomes]) -> None:
        try:
            self._apply_all([event])
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - one event must not hold up the others
            _log.exception("event %d could not be mapped: a fault of the sandbox", event[0])
            with self._store.transaction():
                self._finish(event[0], {"reason": _fault(error), "outcomes": []})

    def _finish(self, key: int, result: Mapping[str, Any]) -> None:
        state = _state(result)
        # What was stored whole can be read from its entity; the rest is kept to look into.
        self._store.defer(_UPDATE, (state, dump(result), state == MAPPED, key))

    def _applied(self, webhook: Webhook | None, event: int, outcomes: Outcomes) -> dict[str, Any]:
        if webhook is None:
            return {"skipped": "the webhook was deleted", "outcomes": []}
        if isinstance(outcomes, str):
            self._record_failure(webhook, event, outcomes)
            return {"reason": outcomes, "outcomes": []}
        actor = _actor(webhook, event)
        result: dict[str, Any] = {}
        if webhook.security.get("requestIdentifierPath"):
            *outcomes, guard = outcomes
            if guard.errors:
                result["errors"] = _describe_errors(guard, "security.requestIdentifierPath")
            request = (guard.entity or {}).get("title")
            if request is not None and not self._is_new(webhook, dump(request)):
                return {"skipped": "an event with this id was handled before", "outcomes": []}
        return {**result, "outcomes": [self._apply(actor, outcome) for outcome in outcomes]}

    def _is_new(self, webhook: Webhook, request: str) -> bool:
        cursor = self._store.execute(
            "INSERT OR IGNORE INTO handled VALUES (?, ?)", (webhook.key, request)
        )
        return cursor.rowcount == 1

    def _apply(self, actor: Actor, outcome: Outcome) -> dict[str, Any]:
        """Write what one mapping made of an event, and say what happened."""
        said: dict[str, Any] = {"mapping": outcome.mapping, "blueprint": outcome.blueprint}
        if outcome.item is not None:
            said["item"] = outcome.item
        if outcome.errors:
            said["errors"] = _describe_errors(outcome)
        if outcome.entity is None:
            skipped = outcome.skipped == "filter is false"
            said |= {"result": "skipped" if skipped else "refused", "reason": outcome.skipped}
        else:
            said |= self._store_entity(actor, outcome)
        if said["result"] == "refused":
            action = DELETE if outcome.operation == "delete" else CREATE
            subject = Subject("entity", said.get("entity", ""), outcome.blueprint)
            self._audit.record_failure(action, subject, actor, said["reason"])
        return said

    def _store_entity(self, actor: Actor, outcome: Outcome) -> dict[str, Any]:
        """Write or delete what a mapping gave, and say what happened or why nothing did."""
        try:
            if outcome.operation == "delete":
                return self._delete(actor, outcome)
            return self._write(actor, outcome)
        except (ApiError, UnicodeEncodeError) as error:
            known = error if isinstance(error, ApiError) else errors.lone_surrogate()
            said = {"result": "refused", "reason": known.message}
            identifier = (outcome.entity or {}).get("identifier")
            return said | ({"entity": identifier} if isinstance(identifier, str) else {})

    def _write(self, actor: Actor, outcome: Outcome) -> dict[str, Any]:
        body = outcome.entity or {}
        if not _is_plain(body):
            check(body, ENTITY)
        written = self._entities.write(
            self._blueprints.get(outcome.blueprint),
            body,
            Mode.MERGE,
            actor,
            missing=self._on_missing_relation,
        )
        said: dict[str, Any] = {
            "entity": written.identifier,
            "result": "created" if written.created else "updated",
        }
        if written.ignored:
            said["ignored"] = list(written.ignored)
        return said

    def _delete(self, actor: Actor, outcome: Outcome) -> dict[str, Any]:
        identifier = str((outcome.entity or {})["identifier"])
        blueprint = self._blueprints.get(outcome.blueprint)
        self._entities.delete(blueprint, [identifier], actor, dependents=outcome.delete_dependents)
        return {"entity": identifier, "result": "deleted"}

    # --- looking back -----------------------------------------------------------------------

    def events(
        self, before: int | None, limit: int, state: str | None = None
    ) -> list[dict[str, Any]]:
        """Return events, newest first, older than the one with the id `before`."""
        condition = "" if state is None else "state = ? AND "
        rows = self._store.execute(
            "SELECT key, webhook, received, state, payload, result FROM event "  # noqa: S608 - fixed
            f"WHERE {condition}key < ? ORDER BY key DESC LIMIT ?",
            (*([] if state is None else [state]), before if before is not None else 1 << 62, limit),
        )
        return [self._show_event(row) for row in rows]

    def totals(self) -> dict[str, int]:
        """Return how many events there are in each state."""
        return dict(
            self._store.execute("SELECT state, count(*) FROM event GROUP BY state").fetchall()
        )

    def event(self, key: int) -> dict[str, Any] | None:
        """Return one event, or None."""
        row = self._store.one(
            "SELECT key, webhook, received, state, payload, result FROM event WHERE key = ?",
            (key,),
        )
        return None if row is None else self._show_event(row)

    def _show_event(self, row: Sequence[Any]) -> dict[str, Any]:
        webhook = self._webhooks.by_key(row[1])
        shown: dict[str, Any] = {
            "id": row[0],
            "webhook": None if webhook is None else webhook.identifier,
            "receivedAt": row[2],
            "state": row[3],
        }
        shown |= json.loads(row[5]) if row[5] else {"outcomes": []}
        if row[4] is not None:
            shown["event"] = _without_proof(json.loads(row[4]), webhook)
        return shown


def _actor(webhook: Webhook, event: int) -> Actor:
    return Actor(
        webhook.identifier,
        origin="WEBHOOK",
        datasource=f"port/webhook/{webhook.identifier}",
        webhook=webhook.key,
        event=event,
    )


def _without_proof(event: dict[str, Any], webhook: Webhook | None) -> dict[str, Any]:
    """Return an event without what proves where it comes from: it may be the secret itself."""
    header = None if webhook is None else webhook.security.get("signatureHeaderName")
    for name in event["headers"]:
        if header and name.lower() == header.lower():
            event["headers"][name] = MASK
    return event


def _event_text(webhook: Webhook, delivery: Delivery) -> str:
    """Return the JSON text that the mappings see; raise DeliveryRejected if they must not."""
    if not webhook.enabled:
        raise DeliveryRejected(403, "webhook_disabled", "the webhook is disabled")
    if not _is_signed(webhook.security, delivery):
        raise DeliveryRejected(
            401, "invalid_signature", "the signature is missing or does not match"
        )
    try:
        value = _read_event(delivery.raw.decode())
    except RecursionError:
        raise DeliveryRejected(400, "bad_request", "the body is nested too deeply") from None
    except ValueError:
        raise DeliveryRejected(400, "bad_request", "the body is not JSON") from None
    return build_event_text(dump(value), delivery.headers, delivery.query)


def _no_constant(name: str) -> None:
    raise ValueError(name)


_read_event = json.JSONDecoder(
    # Read as Port reads it, numbers rounded, so that no mapping has to look for them again.
    parse_constant=_no_constant,
    parse_int=stored_integer,
    parse_float=stored_float,
).decode


def _is_signed(security: Mapping[str, Any], delivery: Delivery) -> bool:
    """Tell whether an event carries the proof that the webhook asks for, if it asks for one."""
    secret, header = security.get("secret"), security.get("signatureHeaderName")
    algorithm = security.get("signatureAlgorithm")
    if not secret or not header or not algorithm:
        return True
    proof = secret
    if algorithm != "plain":
        digest = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}[algorithm]
        proof = hmac.new(_bytes(secret), delivery.raw, digest).hexdigest()
    proof = (security.get("signaturePrefix") or "") + proof
    return any(
        name.lower() == header.lower() and hmac.compare_digest(_bytes(value), _bytes(proof))
        for name, value in delivery.headers
    )


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _is_plain(body: Mapping[str, Any]) -> bool:
    """Tell quickly whether an entity is surely as its schema wants it."""
    identifier = body.get("identifier")
    return (
        isinstance(identifier, str)
        and _is_identifier(identifier)
        and isinstance(body.get("title"), str | None)
        and isinstance(body.get("icon"), str | None)
        and isinstance(body.get("team"), str | None)
        and all(
            value is None or (isinstance(value, str) and _is_identifier(value))
            for value in (body.get("relations") or {}).values()
        )
    )


def _is_identifier(text: str) -> bool:
    return len(text) <= ENTITY_IDENTIFIER["maxLength"] and _IDENTIFIER.search(text) is not None


def _describe_errors(outcome: Outcome, field: str = "") -> list[dict[str, str]]:
    """Return the expressions that failed, all under the name `field` if that is given."""
    return [
        {"field": field or e.field, "expression": e.expression, "message": e.message}
        for e in outcome.errors
    ]


def _fault(error: Exception) -> str:
    return f"a fault of the sandbox: {type(error).__name__}"


def _state(result: Mapping[str, Any]) -> str:
    if "reason" in result:
        return REFUSED
    outcomes = result["outcomes"]
    refused = any(o["result"] == "refused" for o in outcomes)
    stored = any(o["result"] in ("created", "updated", "deleted") for o in outcomes)
    flawed = "errors" in result or any("errors" in o or "ignored" in o for o in outcomes)
    if stored:
        return PARTIAL if refused or flawed else MAPPED
    return REFUSED if refused else SKIPPED


def _log_event(key: int, webhook: Webhook | None, result: Mapping[str, Any]) -> None:
    if not _log.isEnabledFor(logging.INFO):
        return
    name = "(deleted)" if webhook is None else _line(webhook.identifier)
    said = result.get("reason") or result.get("skipped")
    if said is None:
        said = "; ".join(map(_describe_outcome, result["outcomes"])) or "the webhook has no mapping"
    _log.info("webhook %s: event %d %s: %s", name, key, _state(result), said)


def _line(text: str) -> str:
    """Return text that stays on its line, whatever is in it."""
    return text if text.isprintable() else json.dumps(text)


def _describe_outcome(outcome: Mapping[str, Any]) -> str:
    """Return one outcome as a sentence part, control characters escaped."""
    text = f"mapping {outcome['mapping']}"
    if "item" in outcome:
        text += f" item {outcome['item']}"
    text += f" {outcome['result']} {json.dumps(outcome['blueprint'])}"
    if "entity" in outcome:
        text += f" {json.dumps(outcome['entity'])}"
    if "reason" in outcome:
        text += f" ({json.dumps(outcome['reason'])})"
    for error in outcome.get("errors", ()):
        text += f", {error['field']}: {json.dumps(error['message'])}"
    for left_out in outcome.get("ignored", ()):
        text += f", {json.dumps(left_out)}"
    return text
