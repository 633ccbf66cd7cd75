"""What the options of a set-up choose, and what an earlier run chose, read back from Port. Pure.

An option that is not given means: as `falcoport.yaml` says, else as it is in Port, else the
default. So each choice is None where nothing was said, and what was said last is laid over what
is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from falcoport.commands.defaults import DEFAULT_RELATION, WORKLOAD_RELATION
from falcoport.errors import OptionValueError
from falcoport.mapping.alert_fields import read_workload_expression
from falcoport.mapping.namespace_expressions import Clusters, read_own_namespace
from falcoport.mapping.option_expressions import (
    Identifier,
    is_namespace_mapping,
    read_identifier,
)
from falcoport.resources.interface import Key
from falcoport.resources.mappings import find_similar_mapping

if TYPE_CHECKING:
    from falcoport.manifests.loading import Manifests
    from falcoport.resources.interface import Catalog, Json

_RELATIONS = "relations"


@dataclass(frozen=True)
class SetupChoices:
    """What the options of `setup` and `plan` say; None where they say nothing.

    `clusters` without a name turns off what `--cluster` wrote. `create_namespace_blueprint` and
    `namespace_blueprint` say what to do about the blueprint of namespaces, and are not remembered:
    the relation in Port is.
    """

    relation: bool | None = None
    identifier: Identifier | None = None
    clusters: Clusters | None = None
    ensure_namespaces: bool | None = None
    workload: bool | None = None
    create_namespace_blueprint: bool = False
    namespace_blueprint: str | None = None

    def or_else(self, other: SetupChoices) -> SetupChoices:
        """Return these choices, and those of `other` where these say nothing."""
        merged = {}
        for item in fields(self):
            own = getattr(self, item.name)
            merged[item.name] = getattr(other, item.name) if own is None else own
        return SetupChoices(**merged)


def parse_identifier(text: str | None) -> Identifier | None:
    """Return what `--identifier` names; raise OptionValueError."""
    if text is None:
        return None
    if text not in list(Identifier):
        raise OptionValueError(
            f"--identifier is {text!r}; it takes {', '.join(Identifier)}.", where="--identifier"
        )
    return Identifier(text)


def recall_choices(manifests: Manifests, catalog: Catalog) -> SetupChoices:
    """Return what the options of an earlier run wrote into the live mapping.

    An expression that none of the options writes is no choice: it is drift, which `plan` shows.
    """
    blueprint = catalog.get(Key("blueprint", manifests.blueprint.identifier))
    webhook = catalog.get(Key("webhook", manifests.webhook.identifier))
    shipped = find_alert_mapping(manifests)
    mappings = list((webhook or {}).get("mappings") or [])
    place = find_similar_mapping(mappings, shipped)
    if place is None:
        return SetupChoices()
    entity = mappings[place].get("entity") or {}
    lines = entity.get(_RELATIONS) or {}
    related = (blueprint or {}).get(_RELATIONS) or {}
    return SetupChoices(
        relation=_recall_relation(manifests, lines, related, is_there=blueprint is not None),
        identifier=_recall_identifier(shipped, entity),
        clusters=_recall_clusters(manifests, lines),
        ensure_namespaces=any(
            isinstance(one, dict) and is_namespace_mapping(one) for one in mappings
        )
        or None,
        workload=read_workload_expression(lines.get(WORKLOAD_RELATION)) is not None or None,
    )


def find_alert_mapping(manifests: Manifests) -> Json:
    """Return the manifest's mapping of alerts."""
    return next(
        mapping
        for mapping in manifests.webhook.body["mappings"]
        if mapping["blueprint"] == manifests.blueprint.identifier
    )


def _recall_relation(
    manifests: Manifests, lines: Json, related: Any, *, is_there: bool
) -> bool | None:
    """Tell that `--no-relation` left the relation out: blueprint and mapping lack it alike."""
    named = manifests.blueprint.body.get(_RELATIONS) or {}
    left_out = DEFAULT_RELATION in named and not {DEFAULT_RELATION} & (set(lines) | set(related))
    return False if is_there and left_out else None


def _recall_identifier(shipped: Json, entity: Json) -> Identifier | None:
    text = entity.get("identifier")
    return None if text == shipped["entity"]["identifier"] else read_identifier(text)


def _recall_clusters(manifests: Manifests, lines: Json) -> Clusters | None:
    tagged = find_tag_line(manifests)
    if tagged is None:
        return None
    many = bool(_shipped_relation(manifests).get("many"))
    found = read_own_namespace(lines.get(DEFAULT_RELATION), tagged, many=many)
    return found if found is not None and found.jq is not None else None


def find_tag_line(manifests: Manifests) -> str | None:
    """Return the manifest's expression for the namespace that an alert's tags name, if any."""
    line = (find_alert_mapping(manifests)["entity"].get(_RELATIONS) or {}).get(DEFAULT_RELATION)
    return line if isinstance(line, str) else None


def _shipped_relation(manifests: Manifests) -> Json:
    found: Json = (manifests.blueprint.body.get(_RELATIONS) or {}).get(DEFAULT_RELATION) or {}
    return found
