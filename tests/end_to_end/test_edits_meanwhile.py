"""What somebody changes in Port while an update runs ends as if it had been changed before the run.

Port has no conditional writes, so there is one exception: a change in the moment of the very write.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from support.catalogs import (
    State,
    drifted,
    extended,
    state_of,
    without_origin,
    without_relation,
)
from support.command_line import Ran, falcoport
from support.faulty_port import FaultyPort, Request, faulty_port
from support.port_client import port_client

from falcoport.errors import EXIT_OK, EXIT_PORT
from falcoport.sandbox.server import OnNestedPatch, SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from support.catalogs import Catalog

    from falcoport.json_types import Json

BLUEPRINT, WEBHOOK = "/v1/blueprints/falco_alert", "/v1/webhooks/falco_alert_mapper"
SECURITY = {"signatureHeaderName": "x-other", "signatureAlgorithm": "plain", "secret": "other-0815"}
Edit = tuple[str, "Callable[[Json], Json]"]
"""What is changed, by its path, and what makes the body of the PATCH from what is live."""


def _properties(live: Json, **changed: Any) -> Json:
    schema = live["schema"]
    kept = {k: v for k, v in {**schema["properties"], **changed}.items() if v is not None}
    return {"schema": {**schema, "properties": kept}}


def _own(live: Json, change: Callable[[Json], None]) -> Json:
    """Change our own mapping, wherever it stands."""
    for mapping in live["mappings"]:
        properties = mapping["entity"].get("properties", {})
        if mapping["blueprint"] == "falco_alert" and "output" in properties:
            change(mapping)
            break
    return {"mappings": live["mappings"]}


FOREIGN: Json = {"blueprint": "service", "entity": {"identifier": ".body.late"}}
EDITS: dict[str, Edit] = {
    "property added": (BLUEPRINT, lambda b: _properties(b, late={"type": "string"})),
    "property removed": (BLUEPRINT, lambda b: _properties(b, severity_score=None)),
    "our property described": (
        BLUEPRINT,
        lambda b: _properties(b, rule={**b["schema"]["properties"]["rule"], "description": "New"}),
    ),
    "our property's title": (
        BLUEPRINT,
        lambda b: _properties(b, output={**b["schema"]["properties"]["output"], "title": "Mine"}),
    ),
    "property required": (
        BLUEPRINT,
        lambda b: {"schema": {**b["schema"], "required": ["rule", "time"]}},
    ),
    "relation added": (
        BLUEPRINT,
        lambda b: {"relations": {**b["relations"], "late": {"target": "service", "title": "Late"}}},
    ),
    "relation's title": (
        BLUEPRINT,
        lambda b: {
            "relations": {
                **b["relations"],
                "service": {**b["relations"]["service"], "title": "Serves"},
            }
        },
    ),
    "relation removed": (
        BLUEPRINT,
        lambda b: {"relations": {k: v for k, v in b["relations"].items() if k != "service"}},
    ),
    "calculation added": (
        BLUEPRINT,
        lambda _b: {
            "calculationProperties": {"late": {"type": "string", "calculation": ".identifier"}}
        },
    ),
    "blueprint's description": (BLUEPRINT, lambda _b: {"description": "Edited"}),
    "blueprint's title": (BLUEPRINT, lambda _b: {"title": "Edited"}),
    "mapping added behind": (WEBHOOK, lambda w: {"mappings": [*w["mappings"], FOREIGN]}),
    "mapping added before": (WEBHOOK, lambda w: {"mappings": [FOREIGN, *w["mappings"]]}),
    "mapping removed": (WEBHOOK, lambda w: {"mappings": w["mappings"][1:]}),
    "mappings sorted": (WEBHOOK, lambda w: {"mappings": w["mappings"][::-1]}),
    "foreign mapping's filter": (
        WEBHOOK,
        lambda w: {"mappings": [{**w["mappings"][0], "filter": ".body.x"}, *w["mappings"][1:]]},
    ),
    "our filter": (WEBHOOK, lambda w: _own(w, lambda m: m.update(filter=".body.late"))),
    "our expression added": (
        WEBHOOK,
        lambda w: _own(w, lambda m: m["entity"]["properties"].update(late=".body.late")),
    ),
    "our expression changed": (
        WEBHOOK,
        lambda w: _own(w, lambda m: m["entity"]["properties"].update(rule=".body.late")),
    ),
    "webhook's security": (WEBHOOK, lambda _w: {"security": SECURITY}),
    "webhook's title": (WEBHOOK, lambda _w: {"title": "Edited"}),
    "webhook's description": (WEBHOOK, lambda _w: {"description": "Edited"}),
    "webhook enabled": (WEBHOOK, lambda w: {"enabled": not w["enabled"]}),
}


@dataclass(frozen=True)
class Scenario:
    """A command that updates, and what Port has before it."""

    arguments: tuple[str, ...]
    catalog: Callable[[], Catalog]


SCENARIOS = {
    "setup": Scenario(("setup",), drifted),
    "add-relation": Scenario(("add-relation",), without_relation),
    "teardown": Scenario(("teardown", "--keep-blueprint", "--yes"), extended),
}


@dataclass(frozen=True)
class Ended:
    """How a run ended: its requests, what it said, what Port has."""

    seen: tuple[Request, ...]
    ran: Ran
    state: State
    edited_at: int


def edit_now(api: httpx.Client, edit: Edit) -> None:
    """Change something as somebody in Port's user interface does."""
    path, build = edit
    [live] = [v for v in api.get(path[3:]).json().values() if isinstance(v, dict)]
    api.patch(path[3:], json=build(live)).raise_for_status()


def run_with_edit(
    scenario: Scenario,
    edit: Edit | None,
    pick: Callable[[int, Request], bool],
    monkeypatch: pytest.MonkeyPatch,
) -> Ended:
    """Run a command in a new sandbox; make the edit before the first request that is picked.

    The number of a request counts from 0; -1 is before the run.
    """
    options = SandboxOptions(port=0, on_nested_patch=OnNestedPatch.REPLACE)
    with running_sandbox(options) as sandbox, port_client(sandbox) as api:
        scenario.catalog().seed(sandbox)
        with faulty_port(sandbox.url) as proxy:
            monkeypatch.setenv("PORT_API_URL", proxy.url)
            monkeypatch.setenv("PORT_CLIENT_ID", sandbox.client_id)
            monkeypatch.setenv("PORT_CLIENT_SECRET", sandbox.client_secret)
            place = _place_edit(proxy, api, edit, pick)
            ran = falcoport(*scenario.arguments)
            proxy.before = lambda _request: None
            if ran.exit_code == EXIT_PORT:
                assert "gain" in ran.stderr
                assert falcoport(*scenario.arguments).exit_code == EXIT_OK
            state = without_origin(state_of(api), {})
            return Ended(tuple(proxy.seen), ran, state, place[0] if place else -2)


def _place_edit(
    proxy: FaultyPort,
    api: httpx.Client,
    edit: Edit | None,
    pick: Callable[[int, Request], bool],
) -> list[int]:
    made: list[int] = []
    if edit is None:
        return made
    if pick(-1, Request("", "", b"", "")):
        edit_now(api, edit)
        made.append(-1)

    def meanwhile(request: Request) -> None:
        number = len(proxy.seen) - 1
        if not made and pick(number, request):
            made.append(number)
            edit_now(api, edit)

    proxy.before = meanwhile
    return made


def expect_kept(name: str, kind: str, monkeypatch: pytest.MonkeyPatch, at: int | None) -> None:
    """Make the edit before request `at`, by default the last one before its resource's write."""
    scenario, edit = SCENARIOS[name], EDITS[kind]
    before = run_with_edit(scenario, edit, lambda number, _request: number == -1, monkeypatch)
    clean = run_with_edit(scenario, None, lambda _number, _request: False, monkeypatch)
    if at is None:
        writes = [n for n, one in enumerate(clean.seen) if one.writes and one.path == edit[0]]
        at = writes[0] - 1 if writes else len(clean.seen) - 1
    meanwhile = run_with_edit(scenario, edit, lambda number, _request: number == at, monkeypatch)
    assert meanwhile.ran.exit_code in (before.ran.exit_code, EXIT_PORT)
    assert meanwhile.state == before.state


@pytest.mark.parametrize(
    "kind",
    ["property added", "relation removed", "mapping added before", "our filter"],
)
def test_an_edit_right_before_our_write_ends_as_one_before_the_run(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_kept("setup", kind, monkeypatch, None)


@pytest.mark.slow
@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_an_edit_before_any_request_but_the_write_ends_as_one_before_the_run(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = EDITS[kind]
    clean = run_with_edit(SCENARIOS[name], None, lambda _n, _r: False, monkeypatch)
    before = run_with_edit(SCENARIOS[name], edit, lambda number, _r: number == -1, monkeypatch)
    for number, request in enumerate(clean.seen):
        if request.writes and request.path == edit[0]:
            continue
        ended = run_with_edit(SCENARIOS[name], edit, partial(_is_number, number), monkeypatch)
        assert ended.edited_at == number
        assert ended.ran.exit_code in (before.ran.exit_code, EXIT_PORT), request
        if not any(one.writes and one.path == edit[0] for one in clean.seen[:number]):
            assert ended.state == before.state, request


def _is_number(wanted: int, number: int, _request: Request) -> bool:
    return number == wanted
