"""Migrations: deleting or moving all entities of a blueprint, and following that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import schemas
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.validation import flag

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call
    from falcoport.sandbox.state import State

router = Router()

_ALL, _ONE = "/v1/migrations", "/v1/migrations/{migration}"
_FILTERS = {"status": "status", "actor": "actor", "blueprint": "sourceBlueprint"}


@router.write("DELETE", "/v1/blueprints/{blueprint}/all-entities")
def delete_all_entities(state: State, call: Call) -> Answer:
    """Start to delete a blueprint's entities, and itself if asked."""
    migration = state.migrations.delete_all(
        state.blueprints.get(call.path["blueprint"]),
        call.actor,
        with_blueprint=flag(call.query, "delete_blueprint"),
    )
    return ok(migrationId=migration)


@router.write("POST", _ALL, schemas.MIGRATION)
def create_migration(state: State, call: Call) -> Answer:
    """Start to move a blueprint's entities to another one."""
    return ok(201, migration=state.migrations.move(call.body, call.actor))


@router.read("GET", _ALL)
def list_migrations(state: State, call: Call) -> Answer:
    """List the migrations, of a status, an actor or a blueprint."""
    wanted = {member: call.listed[name] for name, member in _FILTERS.items() if name in call.listed}
    return ok(
        migrations=[
            migration
            for migration in state.migrations.all()
            if all(migration[member] in values for member, values in wanted.items())
        ]
    )


@router.read("GET", _ONE)
def get_migration(state: State, call: Call) -> Answer:
    """Show a migration."""
    return ok(migration=state.migrations.get(call.path["migration"]))


@router.write("POST", f"{_ONE}/cancel", schemas.CANCEL)
def cancel_migration(state: State, call: Call) -> Answer:
    """Stop a migration that is under way."""
    reason = call.body.get("reason", "")
    return ok(migration=state.migrations.cancel(call.path["migration"], reason))
