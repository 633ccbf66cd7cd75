"""What exists in another form is refused, by name, before anything is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.catalogs import as_set_up, extended, state_of
from support.command_line import falcoport
from support.faulty_port import FaultyPort, faulty_port

from falcoport.errors import EXIT_INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from falcoport.json_types import Json
    from falcoport.sandbox.server import RunningSandbox


@pytest.fixture
def proxy(pointed: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyPort]:
    with faulty_port(pointed.url) as running:
        monkeypatch.setenv("PORT_API_URL", running.url)
        yield running


def other_type(blueprint: Json, _webhook: Json) -> None:
    blueprint["schema"]["properties"]["priority"] = {"type": "number"}


def other_target(blueprint: Json, _webhook: Json) -> None:
    blueprint["relations"]["namespace"]["target"] = "service"


def other_many(blueprint: Json, _webhook: Json) -> None:
    blueprint["relations"]["namespace"]["many"] = True
    blueprint["mirrorProperties"] = {}


def mirrored(blueprint: Json, webhook: Json) -> None:
    del blueprint["schema"]["properties"]["hostname"]
    del webhook["mappings"][1]["entity"]["properties"]["hostname"]
    blueprint["mirrorProperties"]["hostname"] = {"path": "namespace.$title"}


def calculated(blueprint: Json, webhook: Json) -> None:
    del blueprint["schema"]["properties"]["source"]
    del webhook["mappings"][1]["entity"]["properties"]["source"]
    blueprint["calculationProperties"]["source"] = {"type": "string", "calculation": ".identifier"}


CONFLICTS: dict[Callable[[Json, Json], None], tuple[str, ...]] = {
    other_type: ("schema.properties.priority.type", "'priority'", "'number'", "'string'"),
    other_many: ("relations.namespace.many", "'namespace'", "true", "false"),
    mirrored: ("mirrorProperties.hostname", "'hostname'", "mirrorProperties", "property"),
    calculated: ("calculationProperties.source", "'source'", "calculationProperties", "property"),
}


@pytest.mark.parametrize("command", [("setup",), ("plan",), ("setup", "--dry-run")])
@pytest.mark.parametrize("change", CONFLICTS)
def test_a_conflict_names_both_sides_and_nothing_is_written(
    change: Callable[[Json, Json], None],
    command: tuple[str, ...],
    proxy: FaultyPort,
    pointed: RunningSandbox,
    api: httpx.Client,
) -> None:
    extended(change).seed(pointed)
    before = state_of(api)
    ran = falcoport(*command, "-o", "json")
    place, *words = CONFLICTS[change]
    assert ran.exit_code == EXIT_INPUT
    assert [error["where"] for error in ran.envelope["errors"]] == [
        f"blueprint falco_alert: {place}"
    ]
    (message,) = ran.errors
    assert all(word in message for word in words), message
    assert not any(request.writes for request in proxy.seen)
    assert state_of(api) == before


def test_every_conflict_is_named_at_once(proxy: FaultyPort, pointed: RunningSandbox) -> None:
    def all_of_them(blueprint: Json, webhook: Json) -> None:
        for change in (other_type, mirrored, calculated):
            change(blueprint, webhook)

    extended(all_of_them).seed(pointed)
    ran = falcoport("setup")
    assert ran.exit_code == EXIT_INPUT
    assert len(ran.errors) == 3
    assert not any(request.writes for request in proxy.seen)


def test_another_target_than_the_one_in_port_is_refused(
    proxy: FaultyPort, pointed: RunningSandbox
) -> None:
    """Without an option the relation in Port decides; with one, its entities would be lost."""
    extended(other_target).seed(pointed)
    assert falcoport("plan", "--exit-code").exit_code == 0
    ran = falcoport("setup", "--namespace-blueprint", "namespace")
    assert ran.exit_code == EXIT_INPUT
    assert "'service'" in ran.errors[0]
    assert not any(request.writes for request in proxy.seen)


def test_a_format_that_differs_is_refused_as_a_type_is(
    proxy: FaultyPort, pointed: RunningSandbox
) -> None:
    def other_format(blueprint: Json, _webhook: Json) -> None:
        blueprint["schema"]["properties"]["time"]["format"] = "timer"

    extended(other_format).seed(pointed)
    ran = falcoport("setup")
    assert ran.exit_code == EXIT_INPUT
    assert "format 'timer'" in ran.errors[0]
    assert not any(request.writes for request in proxy.seen)


def test_a_relation_to_add_with_another_target_is_refused(
    proxy: FaultyPort, pointed: RunningSandbox
) -> None:
    extended().seed(pointed)
    ran = falcoport("add-relation", "--relation", "service", "--target", "namespace")
    assert ran.exit_code == EXIT_INPUT
    assert "'service'" in ran.errors[0]
    assert "'namespace'" in ran.errors[0]
    assert not any(request.writes for request in proxy.seen)


def test_a_secret_that_port_does_not_show_is_never_replaced_by_its_mask(
    proxy: FaultyPort, pointed: RunningSandbox, tmp_path: Path
) -> None:
    extended().seed(pointed)
    manifest = {**as_set_up().webhooks[-1], "security": {"signatureHeaderName": "x-other"}}
    file = tmp_path / "webhook.json"
    file.write_text(json.dumps(manifest), encoding="utf-8")
    ran = falcoport("setup", "--webhook-config", str(file))
    assert ran.exit_code == EXIT_INPUT
    assert "secret" in ran.errors[0]
    assert not any(request.writes for request in proxy.seen)
