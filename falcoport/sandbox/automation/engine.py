"""The engine of automations: events start runs, runs are sent, timers expire.

An event of an entity that an automation listens to is queued in the transaction of the change.
The worker then evaluates the condition and, in one transaction, takes the event off the queue and
stores the run: a kill at any moment neither loses an event nor makes a second run of it. What a
run sends may be sent twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.automation.definitions import (
    RUN_EVENTS,
    TIMER_EVENT,
    blueprint_of,
    is_automation,
)
from falcoport.sandbox.automation.invocations import (
    Outgoing,
    build_request,
    local_url,
    send,
    signed,
    why_not_sent,
)
from falcoport.sandbox.automation.runs import (
    DONE,
    FAILURE,
    IN_PROGRESS,
    SUCCESS,
    Request,
)
from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.expressions.limited import JqError
from falcoport.sandbox.expressions.templates import Renderer
from falcoport.sandbox.options import CLIENT_ID, CLIENT_SECRET
from falcoport.sandbox.schemas import ENTITY
from falcoport.sandbox.storage.audit import CREATE, DELETE, UPDATE, Actor, Subject
from falcoport.sandbox.storage.entities import Mode
from falcoport.sandbox.storage.store import dump
from falcoport.sandbox.validation import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.sandbox.automation.runs import Runs
    from falcoport.sandbox.expressions.limited import LimitedJq
    from falcoport.sandbox.storage.audit import Audit
    from falcoport.sandbox.storage.blueprints import Blueprints
    from falcoport.sandbox.storage.changes import EntityChange
    from falcoport.sandbox.storage.documents import Documents, Stored
    from falcoport.sandbox.storage.entities import Entities
    from falcoport.sandbox.storage.store import Store
    from falcoport.sandbox.storage.tokens import Tokens

Document = dict[str, Any]

MASK = "********"
MAX_DEPTH = 10
"""How many automations may start one another; Port does not document its own limit."""
_PAUSE = 1.0
_LONGEST_WAIT = 3600.0
_NAMES = {CREATE: "ENTITY_CREATED", UPDATE: "ENTITY_UPDATED", DELETE: "ENTITY_DELETED"}
_log = logging.getLogger("falcoport.sandbox")


@dataclass(frozen=True)
class Parts:
    """What the engine works on."""

    audit: Audit
    blueprints: Blueprints
    entities: Entities
    tokens: Tokens
    actions: Documents
    secrets: Documents
    runs: Runs
    jq: LimitedJq


class Engine:
    """Runs the actions of one sandbox, on its event loop."""

    def __init__(self, store: Store, parts: Parts, url: str) -> None:
        """Work on the parts of a sandbox that answers at `url`."""
        self._store = store
        self._parts = parts
        self._url = url
        self._work = asyncio.Event()
        self._work.set()
        self._timers = asyncio.Event()
        self._idle = asyncio.Event()
        self._watched: tuple[int, dict[str, list[Stored]]] = (-1, {})

    # --- events -----------------------------------------------------------------------------

    def note(self, change: EntityChange) -> None:
        """Queue what automations listen to, in the transaction of the change."""
        if change.blueprint.timers:
            self._timers.set()
        watching = self._automations().get(change.blueprint.identifier)
        if not watching:
            return
        wanted = [
            action
            for action in watching
            if action.document["trigger"]["event"]["type"]
            in (_NAMES[change.action], "ANY_ENTITY_CHANGE")
        ]
        if not wanted:
            return
        after = None
        if change.action != DELETE:
            after = self._parts.entities.stored_by_key(change.key)
        event = {
            "action": change.action,
            "resourceType": "entity",
            "status": "SUCCESS",
            "trigger": self._trigger(change.actor),
            "context": {
                "entityIdentifier": change.identifier,
                "blueprintIdentifier": change.blueprint.identifier,
                "entity": change.identifier,
                "blueprint": change.blueprint.identifier,
            },
            "diff": {"before": change.before, "after": after},
        }
        for action in wanted:
            self._queue(action, event, change.actor.depth)

    def _automations(self) -> dict[str, list[Stored]]:
        """Return the automations that are on, by the blueprint or action that they listen to."""
        version = self._store.documents_version
        if self._watched[0] != version:
            found: dict[str, list[Stored]] = {}
            for stored in self._parts.actions.all(0):
                if is_automation(stored.document) and stored.document.get("publish"):
                    event = stored.document["trigger"]["event"]
                    name = blueprint_of(stored.document) or f"action {event['actionIdentifier']}"
                    found.setdefault(name, []).append(stored)
            self._watched = (version, found)
        return self._watched[1]

    def _trigger(self, actor: Actor) -> Document:
        by = {"userId": actor.name, "byId": actor.name}
        return {"at": self._store.now(), "by": by, "origin": actor.origin}

    def _queue(self, action: Stored, event: Document, depth: int) -> None:
        if depth >= MAX_DEPTH:
            _log.warning(
                "automation %s: not started: it is number %d of a chain",
                json.dumps(action.identifier),
                depth + 1,
            )
            return
        self._store.execute(
            "INSERT INTO trigger_event(action, document) VALUES (?, ?)",
            (action.key, dump({"event": event, "depth": depth})),
        )
        self.wake()

    def note_run(self, name: str, run: Document, before: Document | None, depth: int) -> None:
        """Queue what automations listen to in the runs of an action."""
        kind = RUN_EVENTS[0] if before is None else RUN_EVENTS[1]
        for action in self._automations().get(f"action {name}", ()):
            if action.document["trigger"]["event"]["type"] in (kind, RUN_EVENTS[2]):
                event = {
                    "action": CREATE if before is None else UPDATE,
                    "resourceType": "run",
                    "status": "SUCCESS",
                    "trigger": self._trigger(Actor(run["updatedBy"])),
                    "context": {"runId": run["id"], "actionIdentifier": name},
                    "diff": {"before": before, "after": run},
                }
                self._queue(action, event, depth)

    def wake(self) -> None:
        """Look for runs to be started or sent."""
        self._idle.clear()
        self._work.set()

    async def settled(self) -> None:
        """Return once nothing is left to be started or sent."""
        await self._idle.wait()

    # --- the worker -------------------------------------------------------------------------

    async def run(self) -> None:
        """Start and send runs as they come, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                while await self._step():  # noqa: ASYNC110 - others get their turn in between
                    await asyncio.sleep(0)
            except Exception:  # noqa: BLE001 - such as a disk that is full: the rest waits
                _log.exception("automations cannot run now: a fault of the sandbox")
                await asyncio.sleep(_PAUSE)
                self._work.set()
            if not self._work.is_set():
                self._idle.set()

    async def _step(self) -> bool:
        """Start the oldest queued run, or send the oldest that waits; return whether there was."""
        row = self._store.one(
            "SELECT key, action, document FROM trigger_event ORDER BY key LIMIT 1"
        )
        if row is not None:
            await self._start(row[0], row[1], json.loads(row[2]))
            return True
        identifier = self._parts.runs.waiting()
        if identifier is None:
            return False
        try:
            await self._send(identifier)
        except Exception as error:  # noqa: BLE001 - one run must not hold up the others
            _log.exception("run %s: a fault of the sandbox", identifier)
            self._finish(identifier, {"status": FAILURE}, [f"A fault: {type(error).__name__}"])
        return True

    async def _start(self, key: int, action_key: int, queued: Document) -> None:
        """Make the run of a queued event if its condition holds."""
        action = next((one for one in self._parts.actions.all(0) if one.key == action_key), None)
        event, depth = queued["event"], queued["depth"]
        holds = action is not None and await asyncio.to_thread(
            self._holds, action.document["trigger"].get("condition"), event
        )
        with self._store.transaction():
            self._store.execute("DELETE FROM trigger_event WHERE key = ?", (key,))
            if action is None or not holds:
                return
            after = event["diff"]["after"] or event["diff"]["before"]
            is_entity = event["resourceType"] == "entity"
            request = Request(
                action=action.document,
                source="AUTOMATION",
                context={"event": event, "trigger": event["trigger"]},
                properties={},
                entity=after if is_entity else None,
                depth=depth,
            )
            run = self._parts.runs.create(request, Actor("automation", origin="AUTOMATION"))
            self.note_run(action.identifier, run, None, depth + 1)

    def _holds(self, condition: Document | None, event: Document) -> bool:
        """Return whether a JQ condition holds; an expression that fails does not."""
        if not condition or not condition["expressions"]:
            return True
        results = []
        for expression in condition["expressions"]:
            try:
                results.append(self._parts.jq.evaluate(expression, event) is True)
            except JqError as error:
                _log.info("condition %s: %s", json.dumps(expression), error)
                results.append(False)
        return any(results) if condition.get("combinator") == "or" else all(results)

    # --- sending ----------------------------------------------------------------------------

    async def _send(self, identifier: str) -> None:
        stored = self._parts.runs.stored(identifier)
        kind = stored["invocation"]["type"]
        if kind == "WEBHOOK":
            await self._call(identifier, stored)
        elif kind == "UPSERT_ENTITY":
            await self._upsert(identifier, stored)
        else:
            label = f"Not sent: the sandbox does not do {kind}."
            self._finish(identifier, {"statusLabel": "Not sent"}, [label])

    def _secrets(self, *, masked: bool) -> Document:
        return {
            secret.identifier: MASK if masked else secret.document.get("secretValue")
            for secret in self._parts.secrets.all(0)
        }

    async def _call(self, identifier: str, stored: Document) -> None:
        """Send the request of a run, and keep it with its answer, secrets masked."""
        context = stored["context"]
        shown, _ = await self._render(stored["invocation"], context, masked=True)
        real, problems = await self._render(stored["invocation"], context, masked=False)
        outgoing = build_request(real, context)
        reason = why_not_sent(outgoing.url)
        if reason:
            # The host may be a secret's; only what is masked is kept.
            line = why_not_sent(str(shown.get("url"))) or "Not sent: this is not on this machine."
            members = {"statusLabel": "Not sent", "payload": shown}
            self._finish(identifier, members, [*problems, line])
            return
        reply = await asyncio.to_thread(send, self._address(outgoing))
        problems = [self._mask(one) for one in problems]
        members = {
            "payload": shown,
            "response": {
                "status": reply.status,
                "headers": dict(reply.headers),
                "body": self._mask(reply.body),
            },
        }
        is_waited_for = str(stored["invocation"].get("synchronized", False)).lower() == "true"
        if not reply.is_success:
            members["status"] = FAILURE
        elif is_waited_for:
            members["status"] = SUCCESS
        request = f"{outgoing.method} {shown.get('url')}"
        self._finish(identifier, members, [*problems, request, self._mask(reply.sentence)])

    async def _render(
        self, invocation: Document, context: Document, *, masked: bool
    ) -> tuple[Document, list[str]]:
        renderer = Renderer(self._parts.jq, {**context, "secrets": self._secrets(masked=masked)})
        rendered: Document = await asyncio.to_thread(renderer.render, invocation)
        return rendered, renderer.problems

    def _address(self, outgoing: Outgoing) -> Outgoing:
        """Return a request to where it really goes, with what Port adds to it."""
        url = local_url(outgoing.url, self._url)
        headers = dict(outgoing.headers)
        timestamp = int(self._store.clock.timestamp() * 1000)
        headers |= signed(outgoing.body or b"", timestamp)
        names = {name.lower() for name in headers}
        if url.startswith(f"{self._url}/v1/") and "authorization" not in names:
            token = self._parts.tokens.issue(CLIENT_ID, CLIENT_SECRET)["accessToken"]
            headers["Authorization"] = f"Bearer {token}"
        return Outgoing(outgoing.method, url, headers, outgoing.body)

    def _mask(self, value: Any) -> Any:
        """Return a value without the secrets that may have come back in it."""
        text = dump(value)
        for secret in self._secrets(masked=False).values():
            if isinstance(secret, str) and secret:
                text = text.replace(dump(secret)[1:-1], MASK)
        return json.loads(text)

    async def _upsert(self, identifier: str, stored: Document) -> None:
        """Write the entity of a run."""
        invocation, problems = await self._render(
            stored["invocation"], stored["context"], masked=False
        )
        actor = Actor("automation", origin="AUTOMATION", run=identifier, depth=stored["depth"] + 1)
        body = {
            name: value
            for name, value in invocation["mapping"].items()
            if value is not None or name in ("title", "icon")
        }
        try:
            check(body, ENTITY)
            with self._store.transaction():
                blueprint = self._parts.blueprints.get(str(invocation["blueprintIdentifier"]))
                written = self._parts.entities.write(blueprint, body, Mode.MERGE, actor)
                done = "created" if written.created else "updated"
                lines = [*problems, f"Entity {json.dumps(written.identifier)} {done}."]
                self._change(identifier, {"status": SUCCESS, "payload": invocation}, lines)
        except ApiError as error:
            members = {"status": FAILURE, "payload": invocation}
            self._finish(identifier, members, [*problems, error.message])

    def _finish(self, identifier: str, members: Document, lines: list[str]) -> None:
        """Keep what became of a run, in one transaction."""
        with self._store.transaction():
            self._change(identifier, members, lines)

    def _change(self, identifier: str, members: Mapping[str, Any], lines: list[str]) -> None:
        stored = self._parts.runs.stored(identifier)
        for line in lines:
            self._parts.runs.log(identifier, line, "port")
        actor = Actor("port", origin="AUTOMATION", run=identifier)
        status = members.get("status", IN_PROGRESS)
        run = self._parts.runs.change(identifier, {**members, "status": status}, actor, DONE)
        name = run["action"]["identifier"]
        self.note_run(name, run, stored["run"], stored["depth"] + 1)

    # --- timers -----------------------------------------------------------------------------

    async def run_timers(self) -> None:
        """Let timers expire when they are due, until cancelled."""
        while True:
            self._timers.clear()
            wait = _LONGEST_WAIT
            try:
                wait = self._expire_due()
            except Exception:  # noqa: BLE001 - such as a disk that is full
                _log.exception("timers cannot expire now: a fault of the sandbox")
                wait = _PAUSE
            try:
                async with asyncio.timeout(wait):
                    await self._timers.wait()
            except TimeoutError:
                continue

    def _expire_due(self) -> float:
        """Let what is due expire; return how many seconds it is until the next."""
        due = self._store.one("SELECT entity, slot, due FROM timer ORDER BY due LIMIT 1")
        while due is not None and due[2] <= self._store.clock.timestamp():
            with self._store.transaction():
                self._expire(due[0], due[1])
            due = self._store.one("SELECT entity, slot, due FROM timer ORDER BY due LIMIT 1")
        if due is None:
            return _LONGEST_WAIT
        # Never none: a clock that runs fast must not keep the loop from the others.
        return min(_LONGEST_WAIT, max(0.001, self._store.clock.seconds_until(due[2])))

    def _expire(self, key: int, slot: str) -> None:
        self._store.execute("DELETE FROM timer WHERE entity = ? AND slot = ?", (key, slot))
        entity = self._parts.entities.stored_by_key(key)
        if entity is None:
            return
        blueprint = self._parts.blueprints.get(entity["blueprint"])
        name = blueprint.timers.get(slot)
        if name is None:
            return
        actor = Actor("port", origin="TIMER")
        subject = Subject("entity", entity["identifier"], blueprint.identifier)
        self._parts.audit.record(TIMER_EVENT, subject, actor, before=entity, after=entity)
        for action in self._automations().get(blueprint.identifier, ()):
            event = action.document["trigger"]["event"]
            if event["type"] != TIMER_EVENT or event["propertyIdentifier"] != name:
                continue
            context = {
                "entityIdentifier": entity["identifier"],
                "blueprintIdentifier": blueprint.identifier,
                "entity": entity["identifier"],
                "blueprint": blueprint.identifier,
                "propertyIdentifier": name,
            }
            expired = {
                "action": TIMER_EVENT,
                "resourceType": "entity",
                "status": "SUCCESS",
                "trigger": self._trigger(actor),
                "context": context,
                "diff": {"before": entity, "after": entity},
            }
            self._queue(action, expired, 0)
