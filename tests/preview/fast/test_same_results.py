"""The one promise of the speed path: it changes no result."""

from __future__ import annotations

import json
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.alerts import ALERTS, as_line
from support.jq_expressions import expressions
from support.rulesets import FIELDS, Rule, alert

from falcoport.falco.inputs.interface import split_source
from falcoport.falco.samples import samples
from falcoport.manifests.loading import Profile, load, load_findings
from falcoport.mapping.expressions import expressions as expressions_of
from falcoport.mapping.namespace_expressions import Clusters, with_own_namespace
from falcoport.mapping.option_expressions import (
    Identifier,
    creating_mapping,
    identifier_expression,
)
from falcoport.preview.engine import Mapper, MapperOptions, Page
from falcoport.preview.fast.alert_reader import FastAlertReader
from falcoport.preview.plain import AlertReader

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIPPED = {
    **{str(profile): load(profile=profile).webhook.body for profile in Profile},
    "findings": {"mappings": [load_findings().mapping]},
}


def with_options(mapping: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the mappings that the options of `setup` make of a shipped one."""
    entity = mapping["entity"]
    relation = next(iter(entity["relations"].values()))
    own = with_own_namespace(relation, Clusters(("prod",)), many=False)
    made = []
    for name in Identifier:
        changed = {**entity, "identifier": identifier_expression(name)}
        related = {**changed, "relations": {**entity["relations"], "namespace": own}}
        made.append([{**mapping, "entity": changed}])
        made.append(
            [creating_mapping("namespace", own, many=False), {**mapping, "entity": related}]
        )
    return made


CHOICES = [
    pytest.param(mappings, id=f"{stem}-{number}")
    for stem, webhook in SHIPPED.items()
    for number, mappings in enumerate([webhook["mappings"], *with_options(webhook["mappings"][-1])])
]


@lru_cache(maxsize=32)
def mapper_for(mappings: str, tags: tuple[str, ...], *, fast: bool, shipped: bool) -> Mapper:
    """Return a mapper; compiling the mappings takes longer than mapping a few alerts."""
    blueprints = {load().blueprint.identifier: load().blueprint.body}
    read = json.loads(mappings)
    texts = (e.text for mapping in read for e in expressions_of(mapping)) if shipped else ()
    options = MapperOptions(read, blueprints, tags, fast=fast, trusted=frozenset(texts))
    return Mapper(options)


def map_lines(lines: list[str], mapper: Mapper) -> list[Page]:
    """Return the pages of a source of these lines."""
    text = "".join(f"{line}\n" for line in lines).encode(errors="replace")
    return [mapper.page("s", chunk) for chunk in split_source([text])]


@pytest.fixture(autouse=True, scope="module")
def fixed_uuid() -> Iterator[None]:
    """Let Falcosidekick's random uuid be the same in both ways."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=1))
        yield


def comparable(page: Page) -> dict[str, Any]:
    """Return all that a page says."""
    return {**vars(page), "failed": [vars(failure) for failure in page.failed]}


def assert_same(
    lines: list[str], mappings: list[dict[str, Any]], *tags: str, shipped: bool = False
) -> None:
    text = json.dumps(mappings)
    fast, plain = (
        [
            comparable(page)
            for page in map_lines(lines, mapper_for(text, tags, fast=speed, shipped=shipped))
        ]
        for speed in (True, False)
    )
    assert fast == plain


def test_the_switch_chooses_the_way() -> None:
    mappings = load().webhook.body["mappings"]
    for speed, reader in ((True, FastAlertReader), (False, AlertReader)):
        pipeline = Mapper(MapperOptions(mappings, fast=speed))._pipeline
        assert isinstance(getattr(pipeline.read, "__self__", None), reader)


@pytest.mark.parametrize("mappings", CHOICES)
@settings(max_examples=5)
@given(
    alerts=st.lists(ALERTS, min_size=1, max_size=5),
    tags=st.lists(st.sampled_from(["", "port-x"]), max_size=2),
)
def test_shipped_mappings_make_the_same_of_generated_alerts(
    mappings: list[dict[str, Any]], alerts: list[dict[str, Any]], tags: list[str]
) -> None:
    assert_same([as_line(alert) for alert in alerts], mappings, *tags, shipped=True)


@pytest.mark.parametrize("mappings", CHOICES)
def test_shipped_mappings_make_the_same_of_samples_and_of_what_is_no_alert(
    mappings: list[dict[str, Any]],
) -> None:
    broken = ["{", "text", '{"rule":"r"}', '{"uuid":"u","rule":"r","priority":"Debug","time":"t"}']
    lines = [*(sample.line for sample in samples()), *broken]
    for shipped in (False, True):
        assert_same(lines, mappings, shipped=shipped)


@pytest.mark.parametrize("profile", Profile)
@given(data=st.data())
def test_what_ships_makes_the_same_of_every_sources_fields(
    profile: Profile, data: st.DataObject
) -> None:
    values = data.draw(st.sampled_from(list(FIELDS.values())))
    odd = st.sampled_from([None, "", "<NA>", 7, True, 1.5, [], ["x"], {"a": 1}])
    texts = st.sampled_from([None, "", "<NA>", "auth"])
    alerts = []
    for _ in range(data.draw(st.integers(1, 4))):
        names = data.draw(st.lists(st.sampled_from(sorted(values)), unique=True, min_size=1))
        fields = {
            name: data.draw(st.just(values[name]) | (texts if name.startswith("k8s.") else odd))
            for name in names
        }
        tags = tuple(data.draw(st.lists(st.sampled_from(TAGS), unique=True)))
        alerts.append(alert(Rule("A: rule/é", "github", "Warning", tags, ()), fields))
    mappings = SHIPPED[str(profile)]["mappings"]
    both = [*SHIPPED["findings"]["mappings"], *mappings]
    assert_same([json.dumps(one) for one in alerts], both, shipped=True)


TAGS = ("T1059", "T1490-inhibit", "mitre_execution", "TA0003", "PCI_DSS_1", "port-x", "", "k8s")


@settings(max_examples=25)
@given(
    expression=expressions(),
    more=expressions(),
    alerts=st.lists(ALERTS, min_size=1, max_size=3),
)
def test_generated_expressions_give_the_same(
    expression: str, more: str, alerts: list[dict[str, Any]]
) -> None:
    mappings = [
        creating_mapping("namespace", more, many=False),
        {
            "blueprint": "b",
            "entity": {
                "identifier": ".body.rule",
                "title": expression,
                "properties": {"a": expression, "b": more, "c": ".body.output_fields.x.y"},
                "relations": {"d": ".body.tags | .[0]", "e": ".body.missing"},
            },
        },
        {"blueprint": "c", "filter": more, "entity": {"identifier": expression}},
        {"blueprint": "d", "filter": ".body.output_fields", "entity": {"identifier": ".body.rule"}},
    ]
    assert_same([as_line(alert) for alert in alerts], mappings)


@pytest.mark.parametrize(
    "expression",
    [
        "halt",
        "input",
        "error",
        ".body.rule, .body.time",
        ".body |",
        "1",
        "env",
        "input_line_number",
    ],
)
def test_odd_expressions_give_the_same(expression: str) -> None:
    mapping = {
        "blueprint": "b",
        "entity": {"identifier": ".body.rule", "properties": {"a": expression, "b": ".body.time"}},
    }
    assert_same([sample.line for sample in samples()], [mapping])
    assert_same([sample.line for sample in samples()], [{**mapping, "filter": expression}])


def test_items_of_a_list_are_mapped_the_same() -> None:
    mapping = {
        "blueprint": "b",
        "itemsToParse": ".body.tags",
        "entity": {"identifier": ".item", "properties": {"rule": ".body.rule"}},
    }
    assert_same([sample.line for sample in samples()], [mapping])
