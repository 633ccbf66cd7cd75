"""A scorecard of a blueprint: rules that give each entity a level.

Requests and fields: Port API reference, 2026-01. A PUT replaces a scorecard whole, so that others'
rules and levels are sent along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.errors import Problem
from falcoport.manifests.scorecard import SCORECARD
from falcoport.port.errors import NotFoundError
from falcoport.resources.interface import Key, Resource
from falcoport.resources.merging import merge
from falcoport.resources.named_lists import merge_by_name, without_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcoport.json_types import Json
    from falcoport.port.api import PortApi
    from falcoport.resources.interface import Catalog

_KEYS = {"identifier": str, "rules": list}
_ENVELOPE = "scorecard"
_LISTS = {"rules": "identifier", "levels": "title"}
"""The lists of a scorecard, each with what its elements are known by."""


@dataclass(frozen=True)
class Scorecard(Resource):
    """What one scorecard of `blueprint` must be; `body` is as in a manifest."""

    kind = "scorecard"
    keep_hint = "Remove it in Port first, or keep the blueprint with --keep-blueprint."

    blueprint: str
    body: Json

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.body["identifier"], self.blueprint)

    @property
    def needs(self) -> tuple[Key, ...]:
        """The blueprint whose entities get a level."""
        return (Key("blueprint", self.blueprint),)

    @classmethod
    def key_of(cls, body: Json) -> Key:
        """See Resource."""
        return Key(cls.kind, str(body.get("identifier")), str(body.get("blueprint")))

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """See Resource."""
        return api.find(_path(key), _ENVELOPE, _KEYS)

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:
        """See Resource."""
        return api.list_all(("scorecards",), ("scorecards",))

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json:
        """See Resource."""
        return api.write("POST", _path(key)[:-1], body, _ENVELOPE, _KEYS)

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json:
        """See Resource: Port takes it whole, so what does not change is read right before."""
        live = cls.read(api, key)
        if live is None:
            raise NotFoundError(f"There is no {key} any more.", where=str(key))
        whole = {name: one for name, one in live.items() if name in SCORECARD.fields}
        return api.write("PUT", _path(key), {**whole, **body}, _ENVELOPE, _KEYS)

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """See Resource."""
        api.delete(_path(key))

    @classmethod
    def find_references(cls, body: Json, to: Key) -> Iterator[str]:
        """Say that a scorecard would be deleted with its blueprint."""
        if to == Key("blueprint", str(body.get("blueprint"))):
            what = f"scorecard {body.get('identifier')!r} of blueprint {to.identifier!r}"
            yield f"{what} would be deleted with it"

    def merge(self, live: Json | None) -> Json:
        """See Resource: rules and levels of others stay."""
        if live is None:
            return self.body
        plain = {key: value for key, value in self.body.items() if key not in _LISTS}
        lists = {
            group: merge_by_name(live.get(group) or [], self.body[group], name)
            for group, name in _LISTS.items()
        }
        return {**merge(live, plain), **lists}

    def find_conflicts(self, live: Json | None) -> Iterator[Problem]:
        """Refuse to change a scorecard of the same identifier that somebody else made."""
        if live is None or self._is_own(live):
            return
        yield Problem(
            "conflict",
            f"Blueprint {self.blueprint!r} has a scorecard {self.key.identifier!r} that falcoport "
            "did not make; nothing was written.",
            str(self.key),
            "Rename or remove it in Port, or leave the scorecard out of --with.",
        )

    def check_result(self, planned: Catalog) -> Iterator[Problem]:
        """List the properties that its rules look at although the blueprint will not have them."""
        blueprint = planned.get(Key("blueprint", self.blueprint))
        if blueprint is None:
            return
        known = blueprint.get("aggregationProperties") or {}
        for rule in self.body["rules"]:
            for condition in rule["query"]["conditions"]:
                name = condition.get("property")
                if name is not None and name not in known:
                    yield Problem(
                        "bad_manifest",
                        f"Rule {rule['identifier']!r} looks at {name!r}, which is not an "
                        "aggregation "
                        f"property of blueprint {self.blueprint!r}.",
                        f"{self.key}: rules",
                    )

    def remove_own(self, live: Json) -> Json | None:
        """See Resource: the scorecard goes when nobody else's rule is left in it."""
        if not self._is_own(live):
            return live
        rules = without_names(live.get("rules") or [], self.body["rules"], "identifier")
        return {**live, "rules": rules} if rules else None

    def describe_rest(self, rest: Json) -> str:
        """See Resource."""
        count = len(rest["rules"])
        return "1 rule of others stays" if count == 1 else f"{count} rules of others stay"

    def _is_own(self, live: Json) -> bool:
        rules = live.get("rules") or []
        return len(without_names(rules, self.body["rules"], "identifier")) < len(rules)


def _path(key: Key) -> tuple[str, ...]:
    return ("blueprints", key.parent, "scorecards", key.identifier)
