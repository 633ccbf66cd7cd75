"""The one promise of the speed path: it changes no result."""

from __future__ import annotations

import json
import uuid
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.alerts import ALERTS, as_line
from support.jq_expressions import expressions

from falcoport.falco.inputs.interface import split_source
from falcoport.falco.samples import samples
from falcoport.manifests.loading import load
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

FOLDER = Path(__file__).parents[3] / "webhook_configs"
SHIPPED = {
    str(path.relative_to(FOLDER)): yaml.safe_load(path.read_text("utf-8"))
    for path in FOLDER.rglob("*.yaml")
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
def mapper_for(mappings: str, tags: tuple[str, ...], *, fast: bool) -> Mapper:
    """Return a mapper; compiling the mappings takes longer than mapping a few alerts."""
    blueprints = {load().blueprint.identifier: load().blueprint.body}
    return Mapper(MapperOptions(json.loads(mappings), blueprints, tags, fast=fast))


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


def assert_same(lines: list[str], mappings: list[dict[str, Any]], *tags: str) -> None:
    text = json.dumps(mappings)
    fast, plain = (
        [comparable(page) for page in map_lines(lines, mapper_for(text, tags, fast=speed))]
        for speed in (True, False)
    )
    assert fast == plain


def test_the_switch_chooses_the_way() -> None:
    mappings = load().webhook.body["mappings"]
    for speed, reader in ((True, FastAlertReader), (False, AlertReader)):
        pipeline = Mapper(MapperOptions(mappings, fast=speed))._pipeline
        assert isinstance(getattr(pipeline.read, "__self__", None), reader)


@pytest.mark.parametrize("mappings", CHOICES)
@settings(max_examples=15)
@given(
    alerts=st.lists(ALERTS, min_size=1, max_size=5),
    tags=st.lists(st.sampled_from(["", "port-x"]), max_size=2),
)
def test_shipped_mappings_make_the_same_of_generated_alerts(
    mappings: list[dict[str, Any]], alerts: list[dict[str, Any]], tags: list[str]
) -> None:
    assert_same([as_line(alert) for alert in alerts], mappings, *tags)


@pytest.mark.parametrize("mappings", CHOICES)
def test_shipped_mappings_make_the_same_of_samples_and_of_what_is_no_alert(
    mappings: list[dict[str, Any]],
) -> None:
    broken = ["{", "text", '{"rule":"r"}', '{"uuid":"u","rule":"r","priority":"Debug","time":"t"}']
    assert_same([*(sample.line for sample in samples()), *broken], mappings)


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
