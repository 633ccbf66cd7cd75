"""What happened to an entity, for those who must know of it: automations and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from falcoport.sandbox.storage.audit import Actor
    from falcoport.sandbox.storage.blueprints import Blueprint


class EntityChange(NamedTuple):
    """One entity was created, updated or deleted, in the transaction that is under way.

    `before` is what was stored of it, None if it is new. `relates` is whether its relations may
    have changed.
    """

    action: str
    blueprint: Blueprint
    key: int
    identifier: str
    before: dict[str, Any] | None
    actor: Actor
    relates: bool
