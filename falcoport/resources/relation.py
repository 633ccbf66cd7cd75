"""A relation: a fragment of a blueprint, that points to another blueprint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.errors import Problem
from falcoport.resources.interface import Fragment, Key, PartStatus, make_status
from falcoport.resources.merging import merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from falcoport.json_types import Json
    from falcoport.resources.merging import FieldChange

_RELATIONS = "relations"
_RENAME_HINT = "Rename or remove the relation in Port, or give your own manifest with --blueprint."
_TARGET_HINT = "Create the blueprint in Port first, or name another with --target."


@dataclass(frozen=True)
class Relation(Fragment):
    """One relation of `blueprint`; `body` is as in a manifest.

    The hints say what to do where the target is missing, and where Port has the relation in
    another form: that depends on the options that the command has.
    """

    kind = "relation"

    blueprint: str
    identifier: str
    body: Json
    target_hint: str = _TARGET_HINT
    conflict_hint: str = _RENAME_HINT

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.identifier, self.blueprint)

    @property
    def owner(self) -> Key:
        """See Fragment."""
        return Key("blueprint", self.blueprint)

    @property
    def target(self) -> str:
        """The blueprint that it points to."""
        return str(self.body["target"])

    @property
    def needs(self) -> tuple[Key, ...]:
        """The target; a blueprint that is related to itself needs nothing but itself."""
        return () if self.target == self.blueprint else (Key("blueprint", self.target),)

    def explain_missing(self, need: Key) -> Problem:
        """See Part."""
        return Problem(
            "missing_target",
            f"Relation {self.identifier!r} points to blueprint {need.identifier!r}, "
            "which Port does not have.",
            f"{self._place}.target",
            self.target_hint,
        )

    def find_conflicts(self, live: Json | None) -> Iterator[Problem]:
        """Refuse another target and a switch between one and many: either loses what is related."""
        found = self.extract(live) if live is not None else None
        if found is None:
            return
        if found.get("target") != self.target:
            yield self._conflict("target", repr(found.get("target")), repr(self.target))
        elif bool(found.get("many")) != bool(self.body.get("many")):
            before, after = (str(bool(side.get("many"))).lower() for side in (found, self.body))
            yield self._conflict("many", before, after)

    def attach(self, body: Json) -> Json:
        """See Fragment."""
        return merge(body, {_RELATIONS: {self.identifier: self.body}})

    def extract(self, body: Json) -> Json | None:
        """See Fragment."""
        found = (body.get(_RELATIONS) or {}).get(self.identifier)
        return found if isinstance(found, dict) else None

    def detach(self, body: Json) -> Json:
        """See Fragment."""
        relations = body.get(_RELATIONS) or {}
        if self.identifier not in relations:
            return body
        kept = {name: one for name, one in relations.items() if name != self.identifier}
        return {**body, _RELATIONS: kept}

    def describe_status(
        self, live: Json | None, fields: Sequence[FieldChange]
    ) -> tuple[PartStatus, ...]:
        """See Part."""
        names = [f"{_RELATIONS}.{self.identifier}.{changed.field}" for changed in fields]
        return (make_status(self.key, live, names, f"→ {self.target}"),)

    @property
    def _place(self) -> str:
        return f"blueprint {self.blueprint}: {_RELATIONS}.{self.identifier}"

    def _conflict(self, key: str, found: str, wanted: str) -> Problem:
        return Problem(
            "conflict",
            f"Relation {self.identifier!r} of blueprint {self.blueprint!r} has {key} {found} in "
            f"Port, {wanted} is wanted; the related entities would be lost, so nothing was "
            "written.",
            f"{self._place}.{key}",
            self.conflict_hint,
        )
