"""What `add-relation` wants: one relation, and the line of the mapping that fills it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.commands.catalog_model import (
    NamespaceBlueprint,
    choose_namespace_blueprint,
    model_keys,
)
from falcoport.commands.choices import recall_choices
from falcoport.commands.defaults import DEFAULT_RELATION, DEFAULT_TAG_PREFIX
from falcoport.commands.goals.blueprint_parts import MODEL_NAMESPACES, RELATIONS
from falcoport.errors import OptionValueError, Problem
from falcoport.manifests.schema import BLUEPRINT
from falcoport.manifests.validation import text_of
from falcoport.mapping.namespace_expressions import NO_CLUSTER, Clusters, with_own_namespace
from falcoport.mapping.option_expressions import creating_mapping, tag_expression
from falcoport.reconcile.goal import Goal
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.interface import NOTHING, Key
from falcoport.resources.relation import Relation
from falcoport.resources.webhook import Webhook

if TYPE_CHECKING:
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.manifests.validation import Message
    from falcoport.resources.interface import Catalog


_RELATED_HINT = "Create the blueprint in Port first, or name another with --target."
_OTHER_RELATION_HINT = (
    "Name another relation with --relation, or give --target and --many as it has them in Port."
)


@dataclass(frozen=True)
class RelationChoices:
    """What the options of `add-relation` say; None where they say nothing.

    An alert is related to the entity whose identifier is the rest of its first tag that begins
    with `tag_prefix`; with `many`, to those of all such tags.
    """

    relation: str | None = None
    target: str | None = None
    title: str | None = None
    tag_prefix: str | None = None
    many: bool = False
    clusters: Clusters | None = None
    ensure_namespaces: bool = False
    namespace_blueprint: str | None = None


def relation_keys(manifests: Manifests, choices: RelationChoices) -> tuple[Key, ...]:
    """Return what must be read before the goal of `add-relation` can be built."""
    target = choices.target or choices.namespace_blueprint or choices.relation
    return (
        Key("blueprint", manifests.blueprint.identifier),
        Key("webhook", manifests.webhook.identifier),
        *(model_keys() if choices.target is None else ()),
        *([Key("blueprint", target)] if target else []),
    )


def build_relation_goal(
    manifests: Manifests, choices: RelationChoices, catalog: Catalog = NOTHING
) -> Goal:
    """Return what `add-relation` wants: one relation and the line of the mapping that fills it.

    What the options leave open comes from the manifests' relation of the same identifier, if they
    have one. Raise UsageError for names that Port would refuse.
    """
    blueprint, webhook = manifests.blueprint.body, manifests.webhook.body
    identifier = blueprint["identifier"]
    name = DEFAULT_RELATION if choices.relation is None else choices.relation
    shipped = (blueprint.get(RELATIONS) or {}).get(name, {})
    found = _choose_target(manifests, choices, shipped, name, catalog)
    relation = _choose_relation(shipped, name, choices, found.identifier)
    own = tuple(m for m in webhook["mappings"] if m["blueprint"] == identifier)[:1]
    line = own[0]["entity"].get(RELATIONS, {}).get(name)
    if line is None or choices.tag_prefix is not None or choices.many:
        prefix = DEFAULT_TAG_PREFIX if choices.tag_prefix is None else choices.tag_prefix
        line = tag_expression(prefix, many=choices.many)
    _check_relation(name, relation)
    clusters = choices.clusters or _recall_clusters(manifests, choices, name, catalog)
    line = with_own_namespace(line, clusters, many=choices.many)
    named: list[Json] = [{"blueprint": identifier, "entity": {RELATIONS: {name: line}}}]
    # A live mapping that lacks just this relation is still ours.
    known_by = [_without_line(mapping, name) for mapping in own]
    if choices.ensure_namespaces:
        creating = creating_mapping(str(relation["target"]), line, many=choices.many)
        named, known_by = [creating, *named], [creating, *known_by]
    return Goal(
        present=(
            Blueprint({"identifier": identifier}, partial=True),
            Relation(
                identifier,
                name,
                relation,
                target_hint=found.hint or _RELATED_HINT,
                conflict_hint=_OTHER_RELATION_HINT,
            ),
            Webhook(
                {"identifier": webhook["identifier"], "mappings": named},
                own_mappings=tuple(known_by),
                partial=True,
            ),
        )
    )


def _recall_clusters(
    manifests: Manifests, choices: RelationChoices, name: str, catalog: Catalog
) -> Clusters:
    """Return the clusters that `setup` wrote into the relation to the namespace, if it is that."""
    is_own = name == DEFAULT_RELATION and choices.tag_prefix is None and not choices.many
    return (recall_choices(manifests, catalog).clusters if is_own else None) or NO_CLUSTER


def _choose_target(
    manifests: Manifests, choices: RelationChoices, shipped: Json, name: str, catalog: Catalog
) -> NamespaceBlueprint:
    """Return what a relation points to: the option's, the manifest's, the catalog's namespaces."""
    if choices.target is not None:
        return NamespaceBlueprint(choices.target)
    target = str(shipped.get("target", name))
    if target not in MODEL_NAMESPACES:
        return NamespaceBlueprint(target)
    live = catalog.get(Key("blueprint", manifests.blueprint.identifier)) or {}
    related = ((live.get(RELATIONS) or {}).get(name) or {}).get("target")
    return choose_namespace_blueprint(catalog, named=choices.namespace_blueprint, related=related)


def _choose_relation(shipped: Json, name: str, choices: RelationChoices, target: str) -> Json:
    """Return a relation's body: what the options say, else what the manifest says."""
    return {
        "title": name.replace("_", " ").replace("-", " ").title(),
        "required": False,
        **shipped,
        "target": target,
        **({"title": choices.title} if choices.title is not None else {}),
        "many": choices.many,
    }


def _without_line(mapping: Json, relation: str) -> Json:
    """Return a mapping without the expression of one relation."""
    relations = mapping["entity"].get(RELATIONS) or {}
    kept = {name: text for name, text in relations.items() if name != relation}
    return {**mapping, "entity": {**mapping["entity"], RELATIONS: kept}}


def _check_relation(name: str, relation: dict[str, Any]) -> None:
    problems: list[Problem] = []
    options = {"target": "--target", "title": "--title"}

    def report(at: str, message: Message) -> None:
        option = options.get(at.rsplit(".", 1)[-1], "--relation")
        sentence = f"{option} {text_of(message).removeprefix('as key ')}."
        problems.append(Problem("usage", sentence, option))

    BLUEPRINT.fields[RELATIONS].check({name: relation}, "", report)
    if problems:
        raise OptionValueError(problems[0].message, problems=tuple(problems))
