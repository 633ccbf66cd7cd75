"""An aggregation property: a fragment of a blueprint that counts the entities of another one.

Fields: Port API reference, 2026-01. Where several ways of relations lead from one blueprint to the
other, Port's figure is silently wrong without a `pathFilter`, so there always is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.errors import Problem
from falcoport.resources.interface import Fragment, Json, Key, PartStatus, make_status
from falcoport.resources.merging import merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from falcoport.resources.interface import Catalog
    from falcoport.resources.merging import FieldChange

_GROUP = "aggregationProperties"


@dataclass(frozen=True)
class Aggregation(Fragment):
    """One aggregation property of `blueprint`; `body` is as Port's API takes it.

    A live one of this name is ours if it counts the entities of one of `own_targets`.
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
    def target(self) -> str:
        """The blueprint whose entities it counts."""
        return str(self.body["target"])

    @property
    def needs(self) -> tuple[Key, ...]:
        """The blueprint that it counts."""
        return () if self.target == self.blueprint else (Key("blueprint", self.target),)

    def find_conflicts(self, live: Json | None) -> Iterator[Problem]:
        """Refuse to change what somebody else called so."""
        if live is None:
            return
        found = self.extract(live)
        taken = self.identifier in (live.get("schema") or {}).get("properties", {})
        if found is not None and found.get("target") in (self.target, *self.own_targets):
            return
        if found is not None or taken:
            what = "an aggregation property" if found is not None else "a property"
            yield Problem(
                "conflict",
                f"Blueprint {self.blueprint!r} has {what} {self.identifier!r} that falcoport did "
                "not make; nothing was written.",
                f"blueprint {self.blueprint}: {_GROUP}.{self.identifier}",
                "Rename it in Port, or leave the roll-ups out of --with.",
            )

    def check_result(self, planned: Catalog) -> Iterator[Problem]:
        """List the relations of its path that there will not be: it would count nothing."""
        for step in self.body.get("pathFilter") or ():
            here = planned.get(Key("blueprint", step["fromBlueprint"]))
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
        return merge(body, {_GROUP: {self.identifier: self.body}})

    def extract(self, body: Json) -> Json | None:
        """See Fragment."""
        found = (body.get(_GROUP) or {}).get(self.identifier)
        return found if isinstance(found, dict) else None

    def detach(self, body: Json) -> Json:
        """See Fragment."""
        group = body.get(_GROUP) or {}
        if self.identifier not in group:
            return body
        kept = {name: one for name, one in group.items() if name != self.identifier}
        return {**body, _GROUP: kept}

    def describe_status(
        self, live: Json | None, fields: Sequence[FieldChange]
    ) -> tuple[PartStatus, ...]:
        """See Part."""
        names = [f"{_GROUP}.{self.identifier}.{changed.field}" for changed in fields]
        return (make_status(self.key, live, names, f"of {self.blueprint}"),)

    def _broken_path(self, blueprint: str, relation: str) -> Problem:
        return Problem(
            "bad_manifest",
            f"Aggregation property {self.identifier!r} goes over relation {relation!r}, which "
            f"blueprint {blueprint!r} has neither in the manifest nor in Port.",
            f"blueprint {self.blueprint}: {_GROUP}.{self.identifier}.pathFilter",
        )
