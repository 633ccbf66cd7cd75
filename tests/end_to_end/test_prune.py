"""`falcoport prune` over real HTTP against the sandbox: exactly those alerts go, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.command_line import falcoport
from support.faulty_port import (
    BROKEN,
    BROKEN_LATE,
    LIMITED_SECONDS,
    RESET_EARLY,
    RESET_LATE,
    Fault,
    faulty_port,
)

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox

ALL = "/blueprints/falco_alert/entities"
BULK_DELETE = "/v1/blueprints/falco_alert/bulk/entities/delete?delete_dependents=false"


def set_up(*arguments: str) -> None:
    ran = falcoport("setup", "--no-relation", *arguments)
    assert ran.exit_code == 0, ran.stderr


def store(api: httpx.Client, *entities: dict[str, Any], blueprint: str = "falco_alert") -> None:
    for start in range(0, len(entities), 20):
        body = {"entities": list(entities[start : start + 20])}
        answer = api.post(f"/blueprints/{blueprint}/entities/bulk", json=body)
        assert answer.json().get("errors") == [], answer.text


def alert(number: int, **more: Any) -> dict[str, Any]:
    """Return an alert: the even ones are of 2020, the odd ones of 2099."""
    year = 2020 if number % 2 == 0 else 2099
    time = f"{year}-{number % 12 + 1:02d}-01T00:00:00.123456789Z"
    return {
        "identifier": f"alert-{number:04d}",
        "properties": {"time": time, "priority": "Warning", "rule": "A rule", **more},
    }


def left(api: httpx.Client, blueprint: str = "falco_alert") -> list[str]:
    found = api.get(f"/blueprints/{blueprint}/entities").raise_for_status().json()["entities"]
    return sorted(one["identifier"] for one in found)


def names(*numbers: int) -> list[str]:
    return [f"alert-{number:04d}" for number in numbers]


def test_what_is_older_goes_and_the_rest_stays(pointed: RunningSandbox, api: httpx.Client) -> None:
    set_up()
    store(api, *(alert(n) for n in range(450)))
    ran = falcoport("prune", "--older-than", "30d", "--yes", "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    assert left(api) == names(*range(1, 450, 2))
    [pruned] = ran.data["pruned"]
    assert (pruned["before"], pruned["deleted"], pruned["after"]) == (450, 225, 225)
    assert pruned["remaining"] == 0


def test_it_counts_by_month_and_deletes_nothing_in_a_dry_run(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    set_up()
    store(api, alert(0), alert(2), alert(4, priority="Notice"), alert(1))
    ran = falcoport("prune", "--older-than", "30d", "--dry-run", "-o", "json")
    assert ran.exit_code == 0
    assert ran.data["pruned"][0]["months"] == [
        ["2020-01", {"Warning": 1}],
        ["2020-03", {"Warning": 1}],
        ["2020-05", {"Notice": 1}],
    ]
    assert len(left(api)) == 4


def test_without_a_terminal_it_needs_yes(pointed: RunningSandbox, api: httpx.Client) -> None:
    set_up()
    store(api, alert(0))
    ran = falcoport("prune", "--older-than", "30d")
    assert ran.exit_code == 2
    assert "--yes" in ran.stderr
    assert left(api) == names(0)


def test_nothing_to_delete_is_done_without_a_question(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    set_up()
    store(api, alert(1))
    assert falcoport("prune", "--older-than", "30d").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "gone"),
    [
        (["--priority", "notice"], [2]),
        (["--priority", "Notice", "--priority", "error"], [2, 4]),
        (["--max-priority", "warning"], [0, 2]),
        (["--rule", "Another"], [4]),
        (["--keep-newest", "2"], [0]),
    ],
)
def test_options_choose_among_the_old_ones(
    arguments: list[str], gone: list[int], pointed: RunningSandbox, api: httpx.Client
) -> None:
    set_up()
    store(
        api,
        alert(0),
        alert(1),
        alert(2, priority="Notice"),
        alert(4, priority="Error", rule="Another"),
    )
    ran = falcoport("prune", "--older-than", "30d", "--yes", *arguments)
    assert ran.exit_code == 0, ran.stderr
    assert left(api) == [name for name in names(0, 1, 2, 4) if name not in names(*gone)]


def test_the_newest_stay_whatever_the_age(pointed: RunningSandbox, api: httpx.Client) -> None:
    set_up()
    store(api, *(alert(n) for n in range(8)))
    assert falcoport("prune", "--keep-newest", "3", "--yes").exit_code == 0
    assert left(api) == names(3, 5, 7)


def test_a_namespaces_alerts_alone(pointed: RunningSandbox, api: httpx.Client) -> None:
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    for name in ("auth", "shop"):
        api.post("/blueprints/namespace/entities", json={"identifier": name}).raise_for_status()
    related = [
        {**alert(n), "relations": {"namespace": name}} for n, name in ((0, "auth"), (2, "shop"))
    ]
    store(api, *related)
    ran = falcoport("prune", "--older-than", "1d", "--namespace", "auth", "--yes")
    assert ran.exit_code == 0, ran.stderr
    assert left(api) == names(2)


def add_status(api: httpx.Client) -> None:
    blueprint = api.get("/blueprints/falco_alert").json()["blueprint"]
    schema = blueprint["schema"]
    schema["properties"]["status"] = {"type": "string", "title": "Status"}
    api.patch("/blueprints/falco_alert", json={"schema": schema}).raise_for_status()


def test_open_alerts_that_matter_most_stay_unless_asked_for(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    set_up()
    add_status(api)
    store(
        api,
        alert(0, status="Open", priority="Critical"),
        alert(2, status="Open"),
        alert(4, status="Resolved", priority="Emergency"),
    )
    ran = falcoport("prune", "--older-than", "1d", "--yes")
    assert ran.exit_code == 0
    assert left(api) == names(0)
    assert "1 open one of Emergency, Alert and Critical stay" in ran.stderr
    assert (
        falcoport("prune", "--older-than", "1d", "--yes", "--include-open-critical").exit_code == 0
    )
    assert left(api) == []


def test_a_status_is_a_choice_only_where_there_is_one(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    set_up()
    ran = falcoport("prune", "--older-than", "1d", "--status", "Resolved", "--yes")
    assert ran.exit_code == 2
    add_status(api)
    store(api, alert(0, status="Resolved"), alert(2, status="Open"))
    falcoport("prune", "--older-than", "1d", "--status", "Resolved", "--yes")
    assert left(api) == names(2)


def test_an_alert_that_others_need_is_named_and_left_and_the_rest_goes(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    set_up()
    store(api, *(alert(2 * n) for n in range(150)))
    api.post(
        "/blueprints",
        json={
            "identifier": "incident",
            "title": "Incident",
            "schema": {"properties": {}},
            "relations": {
                "alert": {"target": "falco_alert", "required": True, "many": False, "title": "A"}
            },
        },
    ).raise_for_status()
    for number in (14, 222):
        api.post(
            "/blueprints/incident/entities",
            json={"identifier": f"i{number}", "relations": {"alert": names(number)[0]}},
        ).raise_for_status()
    ran = falcoport("prune", "--older-than", "1d", "--yes", "-o", "json")
    assert ran.exit_code == 7
    assert left(api) == names(14, 222)
    assert sorted(ran.data["pruned"][0]["needed"]) == names(14, 222)
    assert ran.data["pruned"][0]["deleted"] == 148


def test_findings_go_by_when_they_were_last_seen(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    set_up()
    seen = {"lastSeen": {"type": "string", "format": "date-time"}, "priority": {"type": "string"}}
    finding = {"identifier": "falco_finding", "title": "F", "schema": {"properties": seen}}
    api.post("/blueprints", json=finding).raise_for_status()
    times = {"old": "2020-01-01T00:00:00Z", "new": "2099-01-01T00:00:00Z"}
    store(
        api,
        *({"identifier": n, "properties": {"lastSeen": t}} for n, t in times.items()),
        blueprint="falco_finding",
    )
    store(api, alert(0))
    assert falcoport("prune", "--older-than", "1d", "--yes").exit_code == 0
    assert left(api, "falco_finding") == ["new", "old"]
    assert falcoport("prune", "--older-than", "1d", "--yes", "--findings").exit_code == 0
    assert left(api, "falco_finding") == ["new"]


@pytest.mark.parametrize(
    "fault", [RESET_EARLY, RESET_LATE, BROKEN, BROKEN_LATE, LIMITED_SECONDS], ids=lambda f: f.name
)
@pytest.mark.parametrize("nth", [1, 3])
def test_a_fault_in_between_changes_nothing_of_the_outcome(
    fault: Fault, nth: int, pointed: RunningSandbox, api: httpx.Client, monkeypatch: Any
) -> None:
    set_up()
    store(api, *(alert(n) for n in range(800)))
    with faulty_port(pointed.url) as proxy:
        monkeypatch.setenv("PORT_API_URL", proxy.url)
        proxy.fault, proxy.place = fault, ("POST", BULK_DELETE, nth)
        ran = falcoport("prune", "--older-than", "30d", "--yes", "-o", "json")
        assert proxy.hurt == 1
    assert ran.exit_code == 0, ran.stdout
    assert left(api) == names(*range(1, 800, 2))
    assert ran.data["pruned"][0]["deleted"] == 400


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Neither an age nor a number"),
        (["--older-than", "old"], 2, "not a time"),
        (["--older-than", "1d", "--priority", "high"], 2, "Falco has"),
        (["--older-than", "1d", "--priority", "alert", "--max-priority", "error"], 2, "not both"),
        (["--older-than", "1d"], 3, "There is no blueprint 'falco_alert'"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: list[str], code: int, message: str, pointed: RunningSandbox
) -> None:
    ran = falcoport("prune", *arguments, "--yes")
    assert ran.exit_code == code, ran.everything
    assert message in ran.everything
