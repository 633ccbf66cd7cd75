"""A webhook of Port: its URL, its mappings, and what it asks of its senders.

Requests and fields: Port API reference, 2026-01. Mappings have no identifiers in Port and those of
others may stand beside ours, so ours are recognised by what they do (`mappings.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from falcoport.errors import Problem
from falcoport.mapping.option_expressions import is_namespace_mapping
from falcoport.resources.interface import (
    Health,
    Key,
    PartStatus,
    Resource,
    make_status,
)
from falcoport.resources.mappings import find_exact_mapping, find_similar_mapping
from falcoport.resources.merging import merge
from falcoport.resources.webhook_security import (
    SIGNED,
    UNSIGN,
    Guard,
    SecretHeader,
    describe_guard,
    guard,
    without_known,
    would_lose_secret,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from falcoport.json_types import Json
    from falcoport.port.api import PortApi
    from falcoport.resources.interface import Catalog
    from falcoport.resources.merging import FieldChange

_MAPPINGS = "mappings"
_SECURITY = "security"


@dataclass(frozen=True)
class Webhook(Resource):
    """What one webhook must be; `body` is as in a manifest.

    `own_mappings`, one for each of the body's, are what the live ones are recognised by where the
    body's say only part of a mapping; by default the body's own. `secret_header` is the secret that
    it must ask for, None where that is left as it is. `create_only_keys` are the body's keys that
    say nothing about a webhook which is there already. `variants` are further forms of our mappings
    to take away with them, as other options wrote them. `dropped_mappings` are live mappings of
    ours that are no longer wanted, `dropped_relations` the relations that ours no longer fill,
    `dropped_lines` the expressions, by a place such as `properties.pod`, that ours no longer have:
    each goes only as long as it is as we wrote it.
    """

    kind = "webhook"
    hidden_fields = frozenset({"security.secret"})

    body: Json
    own_mappings: tuple[Json, ...] = ()
    secret_header: SecretHeader | None = None
    create_only_keys: tuple[str, ...] = ()
    partial: bool = False
    variants: tuple[Json, ...] = ()
    dropped_mappings: tuple[Json, ...] = ()
    dropped_relations: tuple[str, ...] = ()
    dropped_lines: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.body["identifier"])

    @property
    def follows(self) -> tuple[Key, ...]:
        """The blueprints that its mappings write to, so that no alert comes before its own."""
        names = dict.fromkeys(mapping["blueprint"] for mapping in self.body.get(_MAPPINGS) or ())
        return tuple(Key("blueprint", name) for name in names)

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """See Resource."""
        return api.webhook(key.identifier)

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:
        """See Resource."""
        return api.webhooks()

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json:  # noqa: ARG003 -- it is in the body
        """See Resource."""
        return api.create_webhook(body)

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json:
        """See Resource."""
        return api.update_webhook(key.identifier, body)

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """See Resource."""
        api.delete_webhook(key.identifier)

    @classmethod
    def find_references(cls, body: Json, to: Key) -> Iterator[str]:
        """Say that a webhook still writes into a blueprint."""
        if to.kind != "blueprint":
            return
        count = sum(
            1
            for mapping in body.get(_MAPPINGS) or []
            if isinstance(mapping, dict) and mapping.get("blueprint") == to.identifier
        )
        if count:
            mappings = "a mapping" if count == 1 else f"{count} mappings"
            yield f"{mappings} of webhook {body.get('identifier')!r} still fills it"

    def merge(self, live: Json | None) -> Json:
        """See Resource."""
        named = self._named(live)
        return named if live is None else merge(self._drop(live), named, self._recognised)

    def find_conflicts(self, live: Json | None) -> Iterator[Problem]:
        """Refuse to lose a secret, and to complete a mapping that is not there."""
        if live is not None and self.partial:
            yield from self._missing_mappings(live)
        if self.secret_header is not None:
            yield from self.secret_header.find_conflicts(live)
        elif would_lose_secret(self.body, live):
            yield Problem(
                "conflict",
                "The manifest's security block differs from the webhook's and names no secret: "
                "writing it would remove the webhook's secret, which Port does not give back.",
                f"{self.key}: {_SECURITY}",
                "Give --rotate-secret, or name the secret in the manifest.",
            )

    def check_result(self, planned: Catalog) -> Iterator[Problem]:
        """List what the mappings fill although the blueprint will not have it; Port drops it."""
        for mapping in self.body.get(_MAPPINGS) or ():
            blueprint = planned.get(Key("blueprint", mapping["blueprint"]))
            if blueprint is None:
                continue
            known = {
                "properties": set(blueprint.get("schema", {}).get("properties", {})),
                "relations": set(blueprint.get("relations") or {}),
            }
            for group, names in known.items():
                for name in mapping["entity"].get(group) or {}:
                    if name not in names:
                        yield self._unknown_field(mapping["blueprint"], group, name)

    def describe_status(
        self, live: Json | None, fields: Sequence[FieldChange]
    ) -> tuple[PartStatus, ...]:
        """Return a line for the webhook and one for its mapping."""
        names = [changed.field for changed in fields]
        of_mappings = [name for name in names if name.startswith(_MAPPINGS)]
        others = [name for name in names if not name.startswith(_MAPPINGS)]
        return self._webhook_status(live, others), self._mapping_status(live, of_mappings)

    def remove_own(self, live: Json) -> Json | None:
        """See Resource: the webhook goes when nobody else's mapping is left in it."""
        kept = self._without_own(list(live.get(_MAPPINGS) or []))
        return {**live, _MAPPINGS: kept} if kept else None

    def describe_rest(self, rest: Json) -> str:
        """See Resource."""
        count = len(rest[_MAPPINGS])
        return "1 mapping of others stays" if count == 1 else f"{count} mappings of others stay"

    def without_hidden(self) -> Webhook:
        """Return it without the secret to write: Port has it, and does not give it back."""
        kept = {key: value for key, value in self.body.items() if key != _SECURITY}
        return replace(self, body=kept, secret_header=None)

    @property
    def _recognised(self) -> tuple[Json, ...]:
        return self.own_mappings or tuple(self.body.get(_MAPPINGS) or ())

    def _named(self, live: Json | None) -> Json:
        """Return what is named of it, its security block only where that must be written."""
        named = self.body
        if live is not None:
            named = {key: value for key, value in named.items() if key not in self.create_only_keys}
        block = self.secret_header.make_block(live) if self.secret_header is not None else None
        if block is not None:
            return {**named, _SECURITY: block}
        return without_known(named, live)

    def _drop(self, live: Json) -> Json:
        """Return the live webhook without what an option turned off."""
        if not self.dropped_mappings and not self.dropped_relations and not self.dropped_lines:
            return live
        mappings = [m for m in live.get(_MAPPINGS) or [] if m not in self.dropped_mappings]
        for known_by in self._recognised:
            place = find_similar_mapping(mappings, known_by)
            if place is not None:
                kept = _without_relations(mappings[place], self.dropped_relations)
                mappings[place] = _without_lines(kept, self.dropped_lines)
        return {**live, _MAPPINGS: mappings}

    def _without_own(self, mappings: list[Any]) -> list[Any]:
        own = {
            place
            for place, mapping in enumerate(mappings)
            if isinstance(mapping, dict) and is_namespace_mapping(mapping)
        }
        for mapping in (*self._recognised, *self.variants):
            place = find_exact_mapping(mappings, mapping, frozenset(own))
            if place is not None:
                own.add(place)
        return [mapping for place, mapping in enumerate(mappings) if place not in own]

    def _missing_mappings(self, live: Json) -> Iterator[Problem]:
        identifier = self.key.identifier
        for named, known_by in zip(self.body[_MAPPINGS], self._recognised, strict=True):
            if "identifier" in named["entity"]:
                continue  # it is whole, so it can be added
            if find_similar_mapping(live.get(_MAPPINGS) or [], known_by) is None:
                yield Problem(
                    "not_set_up",
                    f"Webhook {identifier!r} has no mapping for blueprint "
                    f"{known_by['blueprint']!r}.",
                    str(self.key),
                    "Run `falcoport setup` first.",
                )

    def _unknown_field(self, blueprint: str, group: str, name: str) -> Problem:
        return Problem(
            "bad_manifest",
            f"The mapping fills {group}.{name}, which blueprint {blueprint!r} "
            "has neither in the manifest nor in Port.",
            f"{self.key}: mappings[{blueprint}].entity.{group}.{name}",
        )

    def _webhook_status(self, live: Json | None, fields: list[str]) -> PartStatus:
        status = make_status(self.key, live, fields)
        if live is None:
            return status
        if live.get("enabled") is False:
            detail = "alerts sent to it are dropped"
            return replace(status, state=Health.DISABLED, detail=detail)
        if guard(live) is Guard.SIGNATURE:
            return replace(status, state=Health.DRIFTED, detail=f"{SIGNED}; {UNSIGN}")
        return status if status.detail else replace(status, detail=describe_guard(live))

    def _mapping_status(self, live: Json | None, fields: list[str]) -> PartStatus:
        key = Key("mapping", self.key.identifier)
        if live is not None:
            mappings = live.get(_MAPPINGS) or []
            missing = [
                str(one["blueprint"])
                for one in self._recognised
                if find_similar_mapping(mappings, one) is None
            ]
            if missing:
                detail = f"none for blueprint {', '.join(missing)}"
                return PartStatus(key.kind, key.identifier, Health.MISSING, detail)
        return make_status(key, live, fields)


def _without_relations(mapping: Json, names: tuple[str, ...]) -> Json:
    entity = mapping.get("entity") or {}
    relations = entity.get("relations") or {}
    kept = {name: text for name, text in relations.items() if name not in names}
    return {**mapping, "entity": {**entity, "relations": kept}} if kept != relations else mapping


def _without_lines(mapping: Json, lines: Mapping[str, str]) -> Json:
    """Return a mapping without those of some expressions that are as they were written."""
    entity = dict(mapping.get("entity") or {})
    for group in ("properties", "relations"):
        found = entity.get(group) or {}
        kept = {name: t for name, t in found.items() if lines.get(f"{group}.{name}") != t}
        if kept != found:
            entity[group] = kept
    return {**mapping, "entity": entity}
