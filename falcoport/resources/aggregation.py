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
    from falcoport.resources.interface import Catalog
    from falcoport.resources.merging import FieldChange

_AGGREGATIONS = "aggregationProperties"


@dataclass(frozen=True)
class Aggregation(Fragment):
    """One aggregation property of `blueprint`; `body` is as in a manifest.

    A live one of this name is ours too where it counts the entities of one of `own_targets`.
    """

    kind = "aggregation"

    blueprint: str
    identifier: str
    body: Json
    own_targets: tuple[str, ...] = ()

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
        elif found is not None and found.get("target") not in self._targets:
            yield self._conflict(f"counts entities of {found.get('target')!r}")

    def check_result(self, planned: Catalog) -> Iterator[Problem]:
        """List the relations of its path that there will not be: it would count nothing."""
        for step in self.body.get("pathFilter") or ():
            here = planned.get(Key("blueprint", step.get("fromBlueprint", self.blueprint)))
            for name in step["path"]:
                if here is None:
                    break
                relation = (here.get("relations") or {}).get(name)
                if relation is None:
                    yield self._broken_path(str(here.get("identifier")), name)
                    break
                here = planned.get(Key("blueprint", relation["target"]))

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
        return (
            make_status(
                self.key, live, names, f"of {self.blueprint}, counts {self.body['target']}"
            ),
        )

    @property
    def _targets(self) -> tuple[str, ...]:
        return (str(self.body["target"]), *self.own_targets)

    def _broken_path(self, blueprint: str, relation: str) -> Problem:
        return Problem(
            "bad_manifest",
            f"Aggregation property {self.identifier!r} goes over relation {relation!r}, which "
            f"blueprint {blueprint!r} has neither in the manifest nor in Port.",
            f"blueprint {self.blueprint}: {_AGGREGATIONS}.{self.identifier}.pathFilter",
        )

    def _conflict(self, what: str) -> Problem:
        return Problem(
            "conflict",
            f"{self.identifier!r} of blueprint {self.blueprint!r} {what} in Port, so nothing was "
            "written.",
            f"blueprint {self.blueprint}: {_AGGREGATIONS}.{self.identifier}",
            "Rename it in Port first.",
        )
