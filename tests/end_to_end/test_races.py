"""Several at the same time: falcoport beside falcoport, and falcoport beside somebody else."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from support import faulty_port as faults
from support.catalogs import (
    before_setup,
    drifted,
    extended,
    state_of,
    without_namespaces,
    without_relation,
)
from support.command_line import falcoport
from support.faulty_port import FaultyPort, Request, faulty_port

from falcoport.cli.execution import CommandResult, execute
from falcoport.cli.run import PortOptions, Run
from falcoport.commands.choices import SetupChoices
from falcoport.commands.goals.relation import RelationChoices, build_relation_goal
from falcoport.commands.goals.setup import build_setup_goal
from falcoport.errors import EXIT_INPUT, EXIT_OK, EXIT_PORT
from falcoport.manifests.loading import load
from falcoport.reconcile.apply import Task, apply
from falcoport.reconcile.journal import Journal
from falcoport.render.console import Output
from falcoport.resources.interface import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from falcoport.reconcile.goal import Goal
    from falcoport.sandbox.server import RunningSandbox

MANIFESTS = load(None, None)
SETUP = build_setup_goal(MANIFESTS, SetupChoices())


def reconcile(run: Run, goal: Goal) -> str:
    with run.api() as api:
        applied = apply(api, Task(goal.keys, lambda _catalog: goal), Journal())
    webhook = applied.catalog.get(Key("webhook", "falco_alert_mapper"))
    assert webhook is not None
    return str(webhook["url"])


def at_once(times: int, goal: Goal) -> list[tuple[int, str]]:
    """Bring Port to what is desired, many times at the same moment; return codes and messages."""
    ready = threading.Barrier(times)

    def one(_number: int) -> tuple[int, str]:
        stdout, stderr = io.StringIO(), io.StringIO()
        output = Output(stdout=stdout, stderr=stderr)
        run = Run(output, PortOptions(timeout=60), os.environ)
        ready.wait()
        code = execute("setup", output, lambda: CommandResult(reconcile(run, goal)))
        return code, stderr.getvalue()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_fifty_setups_at_once_make_one_set_of_resources(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    before_setup().seed(pointed)
    outcomes = at_once(50, SETUP)
    assert {code for code, _said in outcomes} == {EXIT_OK}, outcomes
    state = state_of(api)
    assert sorted(name for _kind, name in state) == [
        "falco_alert",
        "falco_alert_mapper",
        "github",
        "namespace",
        "service",
    ]
    assert len(state["webhook", "falco_alert_mapper"]["mappings"]) == 1
    assert falcoport("plan", "--exit-code").exit_code == EXIT_OK


def test_setups_at_once_that_also_make_the_namespace_blueprint(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    without_namespaces().seed(pointed)
    outcomes = at_once(
        20, build_setup_goal(MANIFESTS, SetupChoices(create_namespace_blueprint=True))
    )
    assert {code for code, _said in outcomes} == {EXIT_OK}, outcomes
    assert state_of(api)["blueprint", "falco_alert"]["relations"].keys() == {"namespace"}
    assert falcoport("plan", "--exit-code").exit_code == EXIT_OK


@pytest.mark.parametrize(
    ("catalog", "goal"),
    [
        (drifted, SETUP),
        (without_relation, build_relation_goal(MANIFESTS, RelationChoices())),
    ],
)
def test_updates_at_once_lose_nothing(
    catalog: Callable[[], Any], goal: Goal, pointed: RunningSandbox, api: httpx.Client
) -> None:
    catalog().seed(pointed)
    outcomes = at_once(20, goal)
    assert {code for code, _said in outcomes} == {EXIT_OK}, outcomes
    wanted = extended().webhooks[-1]
    assert state_of(api)["webhook", "falco_alert_mapper"]["mappings"] == wanted["mappings"]


def test_real_processes_at_once_make_one_set_of_resources(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    before_setup().seed(pointed)
    line = [sys.executable, "-m", "falcoport", "setup", "--quiet"]
    running = [
        subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ended = [(process.communicate(timeout=60), process.returncode) for process in running]
    url = api.get("/webhooks/falco_alert_mapper").json()["integration"]["url"]
    assert ended == [((f"{url}\n", ""), EXIT_OK)] * 4


# --- somebody else writes meanwhile ---------------------------------------------------------


@pytest.fixture
def proxy(pointed: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyPort]:
    with faulty_port(pointed.url) as running:
        monkeypatch.setenv("PORT_API_URL", running.url)
        yield running


def once(
    hook: str, proxy: FaultyPort, method: str, path: str, nth: int, act: Callable[[], Any]
) -> None:
    """Do something before the proxy hands on a request, or after it was answered, once."""

    def meanwhile(request: Request) -> None:
        if request.place == (method, path, nth):
            act()

    setattr(proxy, hook, meanwhile)


def change_properties(api: httpx.Client, **properties: Any) -> None:
    """Add properties to the blueprint, as somebody in Port's user interface does."""
    schema = api.get("/blueprints/falco_alert").json()["blueprint"]["schema"]
    schema["properties"].update(properties)
    api.patch("/blueprints/falco_alert", json={"schema": schema}).raise_for_status()


BLUEPRINT, WEBHOOK = "/v1/blueprints/falco_alert", "/v1/webhooks/falco_alert_mapper"


def test_a_property_that_appears_after_the_first_look_stays(
    proxy: FaultyPort, pointed: RunningSandbox, api: httpx.Client
) -> None:
    drifted().seed(pointed)
    added = {"type": "string", "title": "Added meanwhile"}
    once("after", proxy, "GET", BLUEPRINT, 1, lambda: change_properties(api, late=added))
    assert falcoport("setup").exit_code == EXIT_OK
    assert state_of(api)["blueprint", "falco_alert"]["schema"]["properties"]["late"] == added


def test_a_mapping_that_appears_after_the_first_look_stays(
    proxy: FaultyPort, pointed: RunningSandbox, api: httpx.Client
) -> None:
    drifted().seed(pointed)
    late = {"blueprint": "service", "entity": {"identifier": ".body.late"}}
    mappings = [*drifted().webhooks[-1]["mappings"], late]

    def add() -> None:
        api.patch("/webhooks/falco_alert_mapper", json={"mappings": mappings}).raise_for_status()

    once("after", proxy, "GET", WEBHOOK, 1, add)
    assert falcoport("setup").exit_code == EXIT_OK
    assert late in state_of(api)["webhook", "falco_alert_mapper"]["mappings"]


def test_a_conflict_that_appears_after_the_first_look_is_refused_before_any_write(
    proxy: FaultyPort, pointed: RunningSandbox, api: httpx.Client
) -> None:
    drifted().seed(pointed)
    added = {"type": "number", "title": "Ours"}
    once("after", proxy, "GET", BLUEPRINT, 1, lambda: change_properties(api, source=added))
    ran = falcoport("setup")
    assert ran.exit_code == EXIT_INPUT
    assert not any(request.writes for request in proxy.seen)
    assert state_of(api)["blueprint", "falco_alert"]["schema"]["properties"]["source"] == added


def test_another_part_that_changes_right_before_the_update_stays(
    proxy: FaultyPort, pointed: RunningSandbox, api: httpx.Client
) -> None:
    drifted().seed(pointed)
    calculated = {"late": {"type": "string", "calculation": ".identifier"}}

    def add() -> None:
        body = {"calculationProperties": calculated}
        api.patch("/blueprints/falco_alert", json=body).raise_for_status()

    once("before", proxy, "PATCH", BLUEPRINT, 1, add)
    assert falcoport("setup").exit_code == EXIT_OK
    assert "late" in state_of(api)["blueprint", "falco_alert"]["calculationProperties"]


def test_an_update_that_somebody_undoes_at_once_is_reported(
    proxy: FaultyPort, pointed: RunningSandbox, api: httpx.Client
) -> None:
    drifted().seed(pointed)

    def undo() -> None:
        api.patch("/blueprints/falco_alert", json={"title": "Mine"}).raise_for_status()

    once("after", proxy, "PATCH", BLUEPRINT, 1, undo)
    ran = falcoport("setup")
    assert ran.exit_code == EXIT_PORT
    assert "blueprint falco_alert: title" in ran.errors[0]
    proxy.after = lambda _request: None
    assert falcoport("setup").exit_code == EXIT_OK
    assert state_of(api)["blueprint", "falco_alert"]["title"] == "Falco Alert"


def test_a_webhook_that_vanishes_before_its_update_is_made_again(
    proxy: FaultyPort, pointed: RunningSandbox, api: httpx.Client
) -> None:
    drifted().seed(pointed)
    once(
        "before",
        proxy,
        "PATCH",
        WEBHOOK,
        1,
        lambda: api.delete("/webhooks/falco_alert_mapper").raise_for_status(),
    )
    assert falcoport("setup").exit_code == EXIT_OK
    assert falcoport("plan", "--exit-code").exit_code == EXIT_OK


def test_what_changes_at_every_look_is_never_written_over(
    proxy: FaultyPort, pointed: RunningSandbox, api: httpx.Client
) -> None:
    drifted().seed(pointed)
    names = (f"late_{number}" for number in range(100))

    def change(request: Request) -> None:
        if request.place[:2] == ("GET", BLUEPRINT):
            change_properties(api, **{next(names): {"type": "string"}})

    proxy.after = change
    ran = falcoport("setup")
    assert ran.exit_code == EXIT_PORT
    assert not any(request.writes for request in proxy.seen)


def test_teardowns_at_once_all_end_well(pointed: RunningSandbox, api: httpx.Client) -> None:
    before_setup().seed(pointed)
    assert falcoport("setup").exit_code == EXIT_OK
    line = [sys.executable, "-m", "falcoport", "teardown", "--yes", "--quiet"]
    running = [subprocess.Popen(line, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in running]
    assert ended == [("", EXIT_OK)] * 3
    assert sorted(name for _kind, name in state_of(api)) == ["github", "namespace", "service"]


def test_a_blueprint_whose_entities_port_still_sees_is_deleted_once_they_are_gone(
    proxy: FaultyPort, pointed: RunningSandbox, api: httpx.Client
) -> None:
    """Port may say so right after it removed them (API reference, "Delete a blueprint")."""
    before_setup().seed(pointed)
    assert falcoport("setup").exit_code == EXIT_OK
    proxy.fault, proxy.place = faults.DEPENDENTS, ("DELETE", BLUEPRINT, 1)
    ran = falcoport("teardown", "--yes")
    assert ran.exit_code == EXIT_OK, ran.stderr
    assert ("blueprint", "falco_alert") not in state_of(api)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("fault", [faults.RESET_EARLY, faults.MISSING_EARLY, faults.INVALID])
def test_a_failure_tells_what_reading_shows_was_done(
    fault: faults.Fault, as_json: bool, proxy: FaultyPort, pointed: RunningSandbox
) -> None:
    drifted().seed(pointed)
    proxy.fault, proxy.place, proxy.always = fault, ("PATCH", WEBHOOK, 1), True
    ran = falcoport("setup", *(("-o", "json") if as_json else ()))
    assert ran.exit_code in (EXIT_INPUT, EXIT_PORT)
    done = "Done so far: blueprint falco_alert updated."
    if as_json:
        assert ran.envelope["data"] == {"done": done}
    else:
        assert ran.stderr.splitlines()[-1] == f"  done  {done}"
