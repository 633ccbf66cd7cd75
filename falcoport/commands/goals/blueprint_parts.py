"""The parts of a blueprint that are resources of their own: its relations, its aggregations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.commands.catalog_model import MODELS
from falcoport.mapping import finding_expressions

if TYPE_CHECKING:
    from falcoport.json_types import Json


RELATIONS = "relations"
AGGREGATIONS = "aggregationProperties"
MODEL_NAMESPACES = frozenset(model.namespace for model in MODELS)


def relations_named(blueprint: Json) -> dict[str, Json]:
    """Return the relations of a blueprint's body, by name."""
    return dict(blueprint.get(RELATIONS) or {})


def without_relations(blueprint: Json) -> Json:
    """Return a blueprint's body that names no relation."""
    return {**blueprint, RELATIONS: {}} if RELATIONS in blueprint else blueprint


def leads_to_finding(name: str, relation: Json) -> bool:
    """Tell whether a relation is the one of `--findings`, which only that makes."""
    is_named_so = name == finding_expressions.RELATION
    return is_named_so and relation.get("target") == finding_expressions.BLUEPRINT
