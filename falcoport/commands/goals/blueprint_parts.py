"""What goes with a blueprint and is a part of its own: relations, aggregations, an automation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.commands.catalog_model import MODELS
from falcoport.manifests.action import ACTION
from falcoport.manifests.loading import load_document
from falcoport.mapping import finding_expressions
from falcoport.resources.action import Action
from falcoport.resources.interface import Key

if TYPE_CHECKING:
    from falcoport.json_types import Json


RELATIONS = "relations"
AGGREGATIONS = "aggregationProperties"
FINDING_RESOLVED = Key(Action.kind, "falco_finding_resolved")
"""The automation that notes when a finding is resolved."""
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


def load_resolution() -> Action:
    """Return the automation that notes when a finding is resolved. Raise ManifestError."""
    return Action(load_document(ACTION, "actions", "findings", "resolved.yaml").body)
