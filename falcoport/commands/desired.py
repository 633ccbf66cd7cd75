"""From manifests and options to what must be in Port. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from falcoport.errors import InputError, Problem
from falcoport.manifests.schema import BLUEPRINT
from falcoport.mapping.option_expressions import (
    Identifier,
    creating_mapping,
    identifier_expression,
    with_own_namespace,
)
from falcoport.reconcile.planning import Desired, without_relations

if TYPE_CHECKING:
    from falcoport.manifests.loading import Manifests

DEFAULT_RELATION = "namespace"
DEFAULT_TAG_PREFIX = "port-"


@dataclass(frozen=True)
class SetupChoices:
    """What the options of `setup` and `plan` say."""

    relation: bool = True
    create_namespace_blueprint: bool = False
    identifier: Identifier | None = None
    cluster: str | None = None
    ensure_namespaces: bool = False


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
    cluster: str | None = None
    ensure_namespaces: bool = False


def for_setup(manifests: Manifests, choices: SetupChoices) -> Desired:
    """Return what `setup` wants: everything the manifests name, as the options change it.

    Raises InputError where an option asks for what the manifests lack.
    """
    blueprint, webhook = manifests.blueprint.body, manifests.webhook.body
    if not choices.relation:
        blueprint, webhook = without_relations(blueprint, webhook)
    mappings = [
        mapping
        for shipped in webhook["mappings"]
        for mapping in (
            _chosen(blueprint, shipped, choices)
            if shipped["blueprint"] == blueprint["identifier"]
            else [shipped]
        )
    ]
    helpers = (manifests.namespace.body,) if choices.create_namespace_blueprint else ()
    return Desired(
        blueprint,
        {**webhook, "mappings": mappings},
        tuple(mappings),
        helpers,
        for_creation=manifests.webhook.for_creation,
    )


def for_removal(manifests: Manifests) -> Desired:
    """Return what `teardown` looks for: the manifests, recognised under every `--identifier`."""
    desired = for_setup(manifests, SetupChoices())
    variants = [
        {**mapping, "entity": {**mapping["entity"], "identifier": identifier_expression(one)}}
        for mapping in desired.own_mappings
        if mapping["blueprint"] == desired.blueprint["identifier"]
        for one in Identifier
    ]
    others = [mapping for mapping in variants if mapping not in desired.own_mappings]
    return replace(desired, own_mappings=(*desired.own_mappings, *others))


def _chosen(
    blueprint: dict[str, Any], mapping: dict[str, Any], choices: SetupChoices
) -> list[dict[str, Any]]:
    """Return the mapping of alerts as the options want it, and the one before it, if any."""
    entity = dict(mapping["entity"])
    if choices.identifier is not None:
        entity["identifier"] = identifier_expression(choices.identifier)
    needed = "--cluster" if choices.cluster is not None else "--ensure-namespaces"
    if choices.cluster is None and not choices.ensure_namespaces:
        return [{**mapping, "entity": entity}]
    relation = (blueprint.get("relations") or {}).get(DEFAULT_RELATION)
    tagged = (entity.get("relations") or {}).get(DEFAULT_RELATION)
    if relation is None or not isinstance(tagged, str):
        raise InputError(
            f"{needed} needs the relation {DEFAULT_RELATION}, in the blueprint and in the mapping.",
            where=needed,
            hint="Leave out --no-relation, or use `falcoport add-relation` for another relation.",
        )
    many = bool(relation.get("many"))
    if choices.cluster is not None:
        tagged = with_own_namespace(tagged, choices.cluster, many=many)
        entity["relations"] = {**entity["relations"], DEFAULT_RELATION: tagged}
    before = []
    if choices.ensure_namespaces:
        before = [creating_mapping(relation["target"], tagged, many=many)]
    return [*before, {**mapping, "entity": entity}]


def for_relation(manifests: Manifests, choices: RelationChoices) -> Desired:
    """Return what `add-relation` wants: one relation and the line of the mapping that fills it.

    What the options leave open comes from the manifests' relation of the same identifier, if they
    have one. Raises InputError for names that Port would refuse.
    """
    blueprint, webhook = manifests.blueprint.body, manifests.webhook.body
    name = DEFAULT_RELATION if choices.relation is None else choices.relation
    shipped: dict[str, Any] = (blueprint.get("relations") or {}).get(name, {})
    relation = {
        "title": name.replace("_", " ").replace("-", " ").title(),
        "target": name,
        "required": False,
        **shipped,
        **({"target": choices.target} if choices.target is not None else {}),
        **({"title": choices.title} if choices.title is not None else {}),
        "many": choices.many,
    }
    own = tuple(m for m in webhook["mappings"] if m["blueprint"] == blueprint["identifier"])[:1]
    line = own[0]["entity"].get("relations", {}).get(name)
    if line is None or choices.tag_prefix is not None or choices.many:
        prefix = DEFAULT_TAG_PREFIX if choices.tag_prefix is None else choices.tag_prefix
        line = tag_expression(prefix, many=choices.many)
    _check(name, relation)
    if choices.cluster is not None:
        line = with_own_namespace(line, choices.cluster, many=choices.many)
    named = [{"blueprint": blueprint["identifier"], "entity": {"relations": {name: line}}}]
    recognised = [without_this(mapping, name) for mapping in own]
    if choices.ensure_namespaces:
        creating = creating_mapping(str(relation["target"]), line, many=choices.many)
        named, recognised = [creating, *named], [creating, *recognised]
    return Desired(
        blueprint={"identifier": blueprint["identifier"], "relations": {name: relation}},
        webhook={"identifier": webhook["identifier"], "mappings": named},
        own_mappings=tuple(recognised),
        must_exist=True,
    )


def without_this(mapping: dict[str, Any], relation: str) -> dict[str, Any]:
    """Return a mapping without one relation, to recognise a live mapping that lacks it by."""
    relations = mapping["entity"].get("relations") or {}
    kept = {name: text for name, text in relations.items() if name != relation}
    return {**mapping, "entity": {**mapping["entity"], "relations": kept}}


def tag_expression(prefix: str, *, many: bool) -> str:
    """Return JQ for the entities that an alert's tags name behind `prefix`.

    Falcosidekick leaves `tags` out when there are none, so its absence is no error; a tag that is
    nothing but the prefix names nothing. Raises InputError for an empty prefix.
    """
    if not prefix:
        raise InputError(
            "--tag-prefix must not be empty: every tag of every alert would name an entity.",
            where="--tag-prefix",
        )
    quoted = json.dumps(prefix, ensure_ascii=False)
    tags = (
        f"(.body.tags // []) | map(select(startswith({quoted})) | ltrimstr({quoted}) "
        '| select(. != ""))'
    )
    return tags if many else f"{tags} | .[0]"


def is_own_expression(text: object) -> bool:
    """Tell whether a relation's expression is one that falcoport writes, whatever the options."""
    if not isinstance(text, str):
        return False
    found = re.search(r'startswith\(("(?:[^"\\]|\\.)+")\)', text)
    if found is None:
        return False
    try:
        prefix = json.loads(found[1])
    except ValueError:
        return False
    tagged = (tag_expression(prefix, many=False), tag_expression(prefix, many=True))
    with_cluster = tuple(f"({one}){joint}" for one in tagged for joint in (" // (", " as $tagged "))
    return text in tagged or text.startswith(with_cluster)


def is_own_creating_mapping(mapping: dict[str, Any]) -> bool:
    """Tell whether a mapping is one that `--ensure-namespaces` puts before the alert's."""
    entity, items = mapping.get("entity"), mapping.get("itemsToParse")
    if not isinstance(entity, dict):
        return False
    relation = entity.get("identifier") if items is None else items
    return is_own_expression(relation) and mapping == creating_mapping(
        str(mapping.get("blueprint")), str(relation), many=items is not None
    )


def _check(name: str, relation: dict[str, Any]) -> None:
    problems: list[Problem] = []
    options = {"target": "--target", "title": "--title"}

    def report(at: str, message: str) -> None:
        option = options.get(at.rsplit(".", 1)[-1], "--relation")
        sentence = f"{option} {message.removeprefix('as key ')}."
        problems.append(Problem("bad_input", sentence, option))

    BLUEPRINT.fields["relations"].check({name: relation}, "", report)
    if problems:
        raise InputError(problems[0].message, problems=tuple(problems))
