"""An aggregation property: a fragment of a blueprint, that counts entities of another one.

Shape: Port docs, "Aggregation properties", and its API reference of 2026-01.
"""

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

_AGGREGATIONS = "aggregationProperties"


@dataclass(frozen=True)
class Aggregation(Fragment):
    """One aggregation property of `blueprint`; `body` is as in a manifest."""

    kind = "aggregation"

    blueprint: str
    identifier: str
    body: Json

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.identifier, self.blueprint)

    @property
    def owner(self) -> Key:
        """See Fragment."""
        return Key("blueprint", self.blueprint)

    @property
    def needs(self) -> tuple[Key, ...]:
        """The blueprint whose entities it counts."""
        target = str(self.body["target"])
        return () if target == self.blueprint else (Key("blueprint", target),)

    def find_conflicts(self, live: Json | None) -> Iterator[Problem]:
        """Refuse to take the name of another property, or to count something else under it."""
        if live is None:
            return
        stored = live.get("schema", {}).get("properties", {})
        found = self.extract(live)
        if self.identifier in stored:
            yield self._conflict("is a property of its own")
        elif found is not None and found.get("target") != self.body["target"]:
            yield self._conflict(f"counts entities of {found.get('target')!r}")

    def attach(self, body: Json) -> Json:
        """See Fragment."""
        return merge(body, {_AGGREGATIONS: {self.identifier: self.body}})

    def extract(self, body: Json) -> Json | None:
        """See Fragment."""
        found = (body.get(_AGGREGATIONS) or {}).get(self.identifier)
        return found if isinstance(found, dict) else None

    def detach(self, body: Json) -> Json:
        """See Fragment."""
        found = body.get(_AGGREGATIONS) or {}
        if self.identifier not in found:
            return body
        kept = {name: one for name, one in found.items() if name != self.identifier}
        return {**body, _AGGREGATIONS: kept}

    def describe_status(
        self, live: Json | None, fields: Sequence[FieldChange]
    ) -> tuple[PartStatus, ...]:
        """See Part."""
        names = [f"{_AGGREGATIONS}.{self.identifier}.{changed.field}" for changed in fields]
        return (make_status(self.key, live, names, f"counts {self.body['target']}"),)

    def _conflict(self, what: str) -> Problem:
        return Problem(
            "conflict",
            f"{self.identifier!r} of blueprint {self.blueprint!r} {what} in Port, so nothing was "
            "written.",
            f"blueprint {self.blueprint}: {_AGGREGATIONS}.{self.identifier}",
            "Rename it in Port first.",
        )
