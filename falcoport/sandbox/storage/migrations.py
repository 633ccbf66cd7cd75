"""Migrations: deleting or moving all entities of a blueprint, in the background.

Port starts one for `DELETE …/all-entities`, and its clients poll it (Terraform provider 2026-08).
A migration goes on in steps, each a transaction, and after a restart from where it was.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.outcomes import EventError
from falcoport.sandbox import errors
from falcoport.sandbox.errors import ApiError, invalid
from falcoport.sandbox.schemas import ENTITY
from falcoport.sandbox.storage.audit import Actor
from falcoport.sandbox.storage.entities import Mode, generated_identifier
from falcoport.sandbox.storage.store import dump
from falcoport.sandbox.validation import check

if TYPE_CHECKING:
    from falcoport.sandbox.storage.blueprints import Blueprint, Blueprints
    from falcoport.sandbox.storage.entities import Entities, Row
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]

_STEP = 500
_UNDER_WAY = ("INITIALIZING", "RUNNING", "PENDING_CANCELLATION")


class Migrations:
    """The migrations of one sandbox; `start` and `cancel` run inside a transaction."""

    def __init__(self, store: Store, blueprints: Blueprints, entities: Entities) -> None:
        self._store = store
        self._blueprints = blueprints
        self._entities = entities
        self._work = asyncio.Event()
        self._work.set()

    def delete_all(self, blueprint: Blueprint, actor: Actor, *, with_blueprint: bool) -> str:
        """Start to delete a blueprint's entities, and itself if asked; return the id."""
        self._refuse_needed(blueprint)
        if with_blueprint:
            self._blueprints.refuse_deletion(blueprint)
        return self._start(
            {
                "actor": actor.name,
                "sourceBlueprint": blueprint.identifier,
                "mapping": {},
                "deleteBlueprint": with_blueprint,
                "deleteEntities": True,
            }
        )

    def move(self, body: Document, actor: Actor) -> Document:
        """Start to move a blueprint's entities to another one through a mapping."""
        self._blueprints.get(body["sourceBlueprint"])
        self._blueprints.get(body["mapping"]["blueprint"])
        identifier = self._start(
            {
                "actor": actor.name,
                "sourceBlueprint": body["sourceBlueprint"],
                "mapping": body["mapping"],
                "deleteBlueprint": False,
                "deleteEntities": False,
            }
        )
        return self.get(identifier)

    def get(self, identifier: str) -> Document:
        """Return a migration; raise a 404 error if there is none."""
        text = self._store.scalar(
            "SELECT document FROM migration WHERE identifier = ?", (identifier,)
        )
        if text is None:
            raise errors.not_found("Migration", identifier)
        return _show(json.loads(text))

    def all(self) -> list[Document]:
        """Return every migration, newest first."""
        rows = self._store.execute("SELECT document FROM migration ORDER BY key DESC")
        return [_show(json.loads(row[0])) for row in rows]

    def cancel(self, identifier: str, reason: str) -> Document:
        """Stop a migration that is under way."""
        migration = self.get(identifier)
        if migration["status"] not in _UNDER_WAY:
            raise invalid(f'Migration "{identifier}" is not running')
        self._save({**self._stored(identifier), "status": "PENDING_CANCELLATION", "reason": reason})
        self._work.set()
        return self.get(identifier)

    async def run(self) -> None:
        """Do the steps of migrations as they come, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._step():  # noqa: ASYNC110 - others get their turn between two steps
                await asyncio.sleep(0)

    def _refuse_needed(self, blueprint: Blueprint) -> None:
        """Refuse if entities of others need those of the blueprint."""
        for other in self._blueprints.all().values():
            for name, slot in other.relations.items():
                relation = other.relation(name)
                if other.key == blueprint.key or not relation["required"]:
                    continue
                if relation["target"] == blueprint.identifier and self._store.one(
                    "SELECT 1 FROM entity JOIN relation ON source = entity.key "
                    "WHERE blueprint = ? AND slot = ? LIMIT 1",
                    (other.key, slot),
                ):
                    raise ApiError(
                        403,
                        "required_relation",
                        f'Entities of blueprint "{other.identifier}" need those of '
                        f'"{blueprint.identifier}" through the required relation "{name}"',
                    )

    def _start(self, members: Document) -> str:
        identifier = f"migration_{generated_identifier()}"
        moment = self._store.now()
        document = {
            "id": identifier,
            **members,
            "status": "INITIALIZING",
            "successCount": 0,
            "failureCount": 0,
            "createdAt": moment,
            "updatedAt": moment,
            "cursor": 0,
        }
        self._store.execute(
            "INSERT INTO migration(identifier, document) VALUES (?, ?)",
            (identifier, dump(document)),
        )
        self._work.set()
        return identifier

    def _stored(self, identifier: str) -> Document:
        found: Document = json.loads(
            self._store.scalar("SELECT document FROM migration WHERE identifier = ?", (identifier,))
        )
        return found

    def _save(self, document: Document) -> None:
        document["updatedAt"] = self._store.now()
        self._store.execute(
            "UPDATE migration SET document = ? WHERE identifier = ?",
            (dump(document), document["id"]),
        )

    def _step(self) -> bool:
        """Do one step of the oldest migration under way; return whether there was one."""
        for (text,) in self._store.execute(
            "SELECT document FROM migration ORDER BY key"
        ).fetchall():
            document = json.loads(text)
            if document["status"] in _UNDER_WAY:
                try:
                    with self._store.transaction():
                        self._advance(document)
                        self._save(document)
                except ApiError as error:
                    self._blueprints.forget()
                    with self._store.transaction():
                        self._save({**document, "status": "FAILURE", "reason": error.message})
                return True
        return False

    def _advance(self, document: Document) -> None:
        if document["status"] == "PENDING_CANCELLATION":
            document["status"] = "CANCELLED"
            return
        document["status"] = "RUNNING"
        blueprint = self._blueprints.all().get(document["sourceBlueprint"])
        if blueprint is None:
            document["status"] = "COMPLETED"
            return
        rows = self._entities.page(blueprint, document["cursor"], _STEP)
        if rows and document["deleteEntities"]:
            self._entities.remove([row.key for row in rows], _actor(document))
            document["successCount"] += len(rows)
        elif rows:
            self._move(document, rows)
            document["cursor"] = rows[-1].key
        else:
            if document["deleteBlueprint"]:
                self._blueprints.delete(blueprint.identifier, _actor(document))
            document["status"] = "COMPLETED"

    def _move(self, document: Document, rows: list[Row]) -> None:
        """Write each entity's new form, then remove the old one; what fails stays."""
        evaluator = Evaluator([document["mapping"]])
        target = self._blueprints.get(document["mapping"]["blueprint"])
        for row, shown in zip(rows, self._entities.shown(rows), strict=True):
            try:
                outcome = evaluator.evaluate(dump(shown))[0]
                if outcome.entity is None:
                    document["failureCount"] += 1
                    continue
                check(outcome.entity, ENTITY)
                self._entities.write(target, outcome.entity, Mode.MERGE, _actor(document))
            except (ApiError, EventError):
                document["failureCount"] += 1
                continue
            document["successCount"] += 1
            if target.key != row.blueprint:
                self._entities.remove([row.key], _actor(document))


def _actor(document: Document) -> Actor:
    return Actor(document["actor"], origin="MIGRATION")


def _show(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "cursor"}
