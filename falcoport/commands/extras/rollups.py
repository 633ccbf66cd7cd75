"""Roll-ups: how many alerts or findings each namespace, workload and cluster has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.commands.catalog_model import MODELS
from falcoport.commands.defaults import DEFAULT_RELATION, WORKLOAD_RELATION
from falcoport.commands.extras.subject import ALERT, Parts, Subject, refuse, rename
from falcoport.manifests.extra_names import Extra
from falcoport.manifests.loading import load_document
from falcoport.manifests.rollups import ROLLUPS
from falcoport.mapping.finding_expressions import BLUEPRINT as FINDING
from falcoport.resources.aggregation import Aggregation
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.interface import Key

if TYPE_CHECKING:
    from falcoport.json_types import Json
    from falcoport.resources.interface import Catalog

_GUIDE = ("blueprints", "rollups.yaml")
_STANDARD = ("blueprints", "standard", "rollups.yaml")
_CLUSTERS = tuple(model.cluster for model in MODELS)


def build_rollups(subject: Subject, catalog: Catalog) -> Parts:
    """Return the aggregation properties of every blueprint that the counted entities lead to.

    Raise UsageError where they lead to none.
    """
    paths = find_paths(subject, catalog)
    if not paths:
        raise refuse(
            Extra.ROLLUPS,
            f"{subject.noun} are related to nothing that could count them",
            "Leave out --no-relation.",
        )
    return _make_parts(subject, _load(subject), paths)


def locate_rollups(subject: Subject, catalog: Catalog) -> Parts:
    """Return the roll-ups that Port has, whatever the set-up is related to now."""
    bodies = _load(subject)
    names = dict.fromkeys(
        [
            *find_paths(subject, catalog),
            *(name for model in MODELS for name in (model.namespace, model.workload)),
            *_CLUSTERS,
        ]
    )
    holding: dict[str, tuple[str, ...]] = {
        name: ()
        for name in names
        for live in [catalog.get(Key("blueprint", name))]
        if live is not None
        and any(
            (live.get("aggregationProperties") or {}).get(one, {}).get("target") in _own(subject)
            for one in bodies
        )
    }
    return _make_parts(subject, bodies, holding)


def find_paths(subject: Subject, catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """Return the blueprints that count, each with the relations from what is counted to it."""
    paths: dict[str, tuple[str, ...]] = {}
    for name in (DEFAULT_RELATION, WORKLOAD_RELATION):
        relation = subject.relations.get(name)
        if relation is not None:
            paths[str(relation["target"])] = (name,)
    for target, path in list(paths.items()):
        related = (catalog.get(Key("blueprint", target)) or {}).get("relations") or {}
        for name, relation in related.items():
            if relation.get("target") in _CLUSTERS and path == (DEFAULT_RELATION,):
                paths.setdefault(str(relation["target"]), (*path, name))
    return paths


def _load(subject: Subject) -> Json:
    shipped = load_document(ROLLUPS, *(_STANDARD if subject.has_status else _GUIDE)).body
    return shipped if subject.time == "time" else dict(rename(shipped, "time", subject.time))


def _own(subject: Subject) -> tuple[str, ...]:
    """Return the blueprints whose entities roll-ups of ours count, now or under other options."""
    return tuple(dict.fromkeys((subject.identifier, ALERT, FINDING)))


def _make_parts(subject: Subject, bodies: Json, paths: dict[str, tuple[str, ...]]) -> Parts:
    return Parts(
        tuple(
            Aggregation(
                blueprint,
                name,
                {
                    **body,
                    "target": subject.identifier,
                    "pathFilter": [{"fromBlueprint": subject.identifier, "path": [*path]}],
                },
                own_targets=_own(subject),
            )
            for blueprint, path in paths.items()
            for name, body in bodies.items()
        ),
        tuple(Blueprint({"identifier": blueprint}, partial=True) for blueprint in paths),
    )
