"""What the options of a set-up choose, and what an earlier run chose, read back from Port. Pure.

An option that is not given means: as `falcoport.yaml` says, else as it is in Port, else the
default. So each choice is None where nothing was said, and what was said last is laid over what
is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from falcoport.commands.catalog_model import MODELS
from falcoport.commands.defaults import DEFAULT_RELATION, WORKLOAD_RELATION
from falcoport.errors import OptionValueError
from falcoport.manifests.loading import Profile
from falcoport.mapping import finding_expressions
from falcoport.mapping.alert_fields import read_workload_expression
from falcoport.mapping.filter_expressions import ALL, AlertFilter, read_filter
from falcoport.mapping.namespace_expressions import Clusters, read_own_namespace
from falcoport.mapping.option_expressions import (
    Identifier,
    is_namespace_mapping,
    read_identifier,
)
from falcoport.resources.interface import Key
from falcoport.resources.mappings import find_similar_mapping

if TYPE_CHECKING:
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.mapping.finding_expressions import Key as FindingKey
    from falcoport.resources.interface import Catalog

_RELATIONS = "relations"


class FindingsMode(StrEnum):
    """Whether alerts become findings too."""

    OFF = "off"
    WITH_ALERTS = "with_alerts"
    ONLY = "only"


@dataclass(frozen=True)
class SetupChoices:
    """What the options of `setup` and `plan` say; None where they say nothing.

    The filters say which alerts pass: an empty one turns off what it once said. `findings_by` are
    the keys that tell findings apart. `clusters` without a name turns off what `--cluster` wrote.
    `create_namespace_blueprint` and `namespace_blueprint` say what to do about the blueprint of
    namespaces, and are not remembered: the relation in Port is.
    """

    relation: bool | None = None
    identifier: Identifier | None = None
    clusters: Clusters | None = None
    ensure_namespaces: bool | None = None
    workload: bool | None = None
    profile: Profile | None = None
    findings: FindingsMode | None = None
    findings_by: tuple[FindingKey, ...] | None = None
    min_priority: str | None = None
    only_rules: tuple[str, ...] | None = None
    skip_rules: tuple[str, ...] | None = None
    only_namespaces: tuple[str, ...] | None = None
    skip_namespaces: tuple[str, ...] | None = None
    create_namespace_blueprint: bool = False
    namespace_blueprint: str | None = None

    @property
    def alert_filter(self) -> AlertFilter:
        """Which alerts pass; everything where nothing is said."""
        return AlertFilter(
            self.min_priority,
            self.only_rules or (),
            self.skip_rules or (),
            self.only_namespaces or (),
            self.skip_namespaces or (),
        )

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


def parse_profile(text: str | None) -> Profile | None:
    """Return what `--profile` names; raise OptionValueError."""
    if text is None:
        return None
    if text not in list(Profile):
        raise OptionValueError(
            f"--profile is {text!r}; it takes {', '.join(Profile)}.", where="--profile"
        )
    return Profile(text)


def recall_choices(manifests: Manifests, catalog: Catalog) -> SetupChoices:
    """Return what the options of an earlier run wrote into the live mapping.

    An expression that none of the options writes is no choice: it is drift, which `plan` shows.
    """
    blueprint = catalog.get(Key("blueprint", manifests.blueprint.identifier))
    webhook = catalog.get(Key("webhook", manifests.webhook.identifier))
    mappings = list((webhook or {}).get("mappings") or [])
    alert = find_live_alert_mapping(manifests, mappings)
    finding = find_live_finding_mapping(mappings)
    own = alert or finding
    if own is None:
        return SetupChoices()
    profile = None if alert is None else recall_profile(manifests, alert)
    shipped = find_alert_mapping(manifests.of(profile or manifests.profile))
    entity = own.get("entity") or {}
    lines = entity.get(_RELATIONS) or {}
    related = (blueprint or {}).get(_RELATIONS) or {}
    return SetupChoices(
        profile=profile,
        **_recall_findings(alert, finding),
        **_recall_filter(own, shipped),
        relation=_recall_relation(manifests, lines, related, is_there=blueprint is not None),
        identifier=None if alert is None else _recall_identifier(shipped, entity),
        clusters=_recall_clusters(manifests, lines),
        ensure_namespaces=any(
            isinstance(one, dict) and is_namespace_mapping(one) for one in mappings
        )
        or None,
        workload=_recall_workload(profile, lines, related, catalog),
    )


def find_live_alert_mapping(manifests: Manifests, mappings: list[Any]) -> Json | None:
    """Return the live mapping of alerts that is ours, in whatever profile; None without one."""
    # The standard profile has all of the guide's expressions but its identifier and title.
    guide = find_alert_mapping(manifests.of(Profile.GUIDE))
    place = find_similar_mapping(mappings, guide)
    return None if place is None else mappings[place]


def find_live_finding_mapping(mappings: list[Any]) -> Json | None:
    """Return the live mapping of findings that is ours; None without one."""
    return next(
        (
            one
            for one in mappings
            if isinstance(one, dict)
            and one.get("blueprint") == finding_expressions.BLUEPRINT
            and isinstance(one.get("entity"), dict)
            and finding_expressions.read_identifier(one["entity"].get("identifier")) is not None
        ),
        None,
    )


# A property that only the standard profile has: without it, its manifest need not be read.
STANDARD_SIGN = "kubeWorkload"


def recall_profile(manifests: Manifests, live: Json) -> Profile | None:
    """Return the profile whose expressions a live mapping of alerts has; None for the default."""
    found = (live.get("entity") or {}).get("properties") or {}
    if STANDARD_SIGN not in found:
        return None
    standard = find_alert_mapping(manifests.of(Profile.STANDARD))["entity"]["properties"]
    equal = sum(found.get(name) == text for name, text in standard.items())
    return Profile.STANDARD if 2 * equal >= len(standard) else None


def _recall_findings(alert: Json | None, finding: Json | None) -> dict[str, Any]:
    if finding is None:
        return {}
    found = finding_expressions.read_identifier(finding["entity"]["identifier"])
    assert found is not None  # it was found by that
    mode = FindingsMode.ONLY if alert is None else FindingsMode.WITH_ALERTS
    return {"findings": mode, "findings_by": found[0]}


def _recall_filter(live: Json, shipped: Json) -> dict[str, Any]:
    found = read_filter(live.get("filter", ALL), shipped.get("filter", ALL))
    if found is None:
        return {}
    return {name: value for name, value in vars(found).items() if value}


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


def _recall_workload(
    profile: Profile | None, lines: Json, related: Any, catalog: Catalog
) -> bool | None:
    """Tell whether alerts are related to workloads, None where nobody chose.

    The standard profile relates them without being asked, where the catalog has workloads: if it
    has and nothing leads to them, `--no-workload` left them out.
    """
    if read_workload_expression(lines.get(WORKLOAD_RELATION)) is not None:
        return True
    could_be = profile is Profile.STANDARD and any(
        catalog.get(Key("blueprint", model.workload)) is not None for model in MODELS
    )
    return False if could_be and WORKLOAD_RELATION not in {*lines, *related} else None


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
