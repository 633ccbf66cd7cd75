"""The scorecard "Runtime security", over the roll-ups of namespaces or workloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.commands.defaults import DEFAULT_RELATION, WORKLOAD_RELATION
from falcoport.commands.extras.subject import Parts, Subject, refuse
from falcoport.manifests.extra_names import Extra
from falcoport.manifests.loading import load_document
from falcoport.manifests.scorecard import SCORECARD
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.scorecard import Scorecard

if TYPE_CHECKING:
    from falcoport.json_types import Json

_GUIDE = ("scorecards", "falco.yaml")
_STANDARD = ("scorecards", "standard", "falco.yaml")


def build_scorecard(subject: Subject) -> Parts:
    """Return the scorecard of namespaces, or of workloads where alerts have no namespace.

    Never of the alerts themselves: Port keeps a result for every entity and rule. Raise UsageError
    where there is neither.
    """
    relations = (subject.relations.get(name) for name in (DEFAULT_RELATION, WORKLOAD_RELATION))
    relation: Json | None = next((one for one in relations if one is not None), None)
    if relation is None:
        raise refuse(
            Extra.SCORECARD,
            f"{subject.noun} are related neither to namespaces nor to workloads",
            "Leave out --no-relation.",
        )
    blueprint = str(relation["target"])
    body = load_document(SCORECARD, *(_STANDARD if subject.has_status else _GUIDE)).body
    return Parts(
        (Scorecard(blueprint, body),), (Blueprint({"identifier": blueprint}, partial=True),)
    )
