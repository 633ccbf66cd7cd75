"""JQ that the options of `setup` and `add-relation` put into a mapping: identity, namespaces.

Pure.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any

from falcoport.errors import UsageError
from falcoport.mapping.alert_fields import read_workload_expression
from falcoport.mapping.filter_expressions import read_filter


class Identifier(StrEnum):
    """What tells one alert's entity from another's."""

    HOSTNAME_TIME = "hostname-time"
    HOSTNAME_TIME_RULE = "hostname-time-rule"
    UUID = "uuid"


# Port's entity identifiers (API reference): ^(?!\.{1,2}$)[\p{L}0-9@_.+:\\/=-]+$, at most 1000
# long. A space becomes "+"; "+", "=", whatever Port refuses and letters beyond ASCII, of which each
# version of Unicode knows others, become their code point between two "=", so no two texts become
# one. Cutting to 1000 comes last.
_AS_IDENTIFIER = (
    r'gsub("(?<c>[^A-Za-z0-9@_.:\\\\/ -])"; "=" + (.c | explode | .[0] | tostring) + "=") '
    r'| gsub(" "; "+") | .[0:1000]'
)
_IDENTIFIERS = {
    Identifier.HOSTNAME_TIME: '.body.hostname + "-" + .body.time | tostring',
    Identifier.HOSTNAME_TIME_RULE: (
        f'(.body.hostname // "") + "-" + .body.time + "-" + .body.rule | {_AS_IDENTIFIER}'
    ),
    Identifier.UUID: ".body.uuid",
}


def identifier_expression(identifier: Identifier) -> str:
    """Return JQ for an alert's identifier.

    `hostname-time` is that of Port's guide, which two rules that fire on one event share;
    `hostname-time-rule` tells those apart; `uuid` is new whenever Falcosidekick gets an alert.
    """
    return _IDENTIFIERS[identifier]


def read_identifier(text: object) -> Identifier | None:
    """Return the choice whose expression `text` is; None if it is none of them."""
    return next((one for one, written in _IDENTIFIERS.items() if written == text), None)


def creating_mapping(target: str, relation: str, *, many: bool) -> dict[str, Any]:
    """Return a mapping that creates the entities an alert's relation names, where they are missing.

    `target` is their blueprint, `relation` the relation's JQ. Only the identifier is mapped, so an
    entity that exists keeps everything it has.
    """
    if many:
        return {
            "blueprint": target,
            "itemsToParse": relation,
            "filter": "true",
            "entity": {"identifier": ".item"},
        }
    return {
        "blueprint": target,
        "filter": f"({relation}) != null",
        "entity": {"identifier": relation},
    }


def tag_expression(prefix: str, *, many: bool) -> str:
    """Return JQ for the entities that an alert's tags name behind `prefix`.

    Falcosidekick leaves `tags` out when there are none, so its absence is no error; a tag that is
    nothing but the prefix names nothing. Raise UsageError for an empty prefix.
    """
    if not prefix:
        raise UsageError(
            "--tag-prefix must not be empty: every tag of every alert would name an entity.",
            where="--tag-prefix",
        )
    quoted = json.dumps(prefix, ensure_ascii=False)
    tags = (
        f"(.body.tags // []) | map(select(startswith({quoted})) | ltrimstr({quoted}) "
        '| select(. != ""))'
    )
    return tags if many else f"{tags} | .[0]"


def is_tag_expression(text: object) -> bool:
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


def is_namespace_mapping(mapping: dict[str, Any]) -> bool:
    """Tell whether a mapping is one that `--ensure-namespaces` puts before the alert's.

    It makes the namespaces or the workloads that alerts are related to.
    """
    entity, items = mapping.get("entity"), mapping.get("itemsToParse")
    if not isinstance(entity, dict):
        return False
    relation = entity.get("identifier") if items is None else items
    if not is_tag_expression(relation) and read_workload_expression(relation) is None:
        return False
    made = creating_mapping(str(mapping.get("blueprint")), str(relation), many=items is not None)
    # `--min-priority` and the like keep alerts out here as well.
    return (
        read_filter(mapping.get("filter"), made["filter"]) is not None
        and {**mapping, "filter": made["filter"]} == made
    )
