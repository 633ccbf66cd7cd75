"""A person starts actions from the page, and sees what became of each run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from support.browser import check_accessibility, find_axe

if TYPE_CHECKING:
    import httpx
    from support.alert_catalog import AlertCatalog
    from support.browser import Browser

EVIL = "<script>alert(1)</script>"
INPUTS: dict[str, Any] = {
    "reason": {"type": "string", "title": "Reason", "description": "Why"},
    "kind": {"type": "string", "enum": ["noise", "known"], "default": "known"},
    "count": {"type": "number", "default": 2},
    "urgent": {"type": "boolean"},
    "names": {"type": "array", "items": {"type": "string"}},
    "more": {"type": "object"},
}


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def add_action(catalog: AlertCatalog, **members: Any) -> None:
    """Create the self-service action `note`, which writes a namespace's title."""
    body: dict[str, Any] = {
        "identifier": "note",
        "title": "Take a note",
        "description": "Writes down why",
        "trigger": {
            "type": "self-service",
            "operation": "DAY-2",
            "blueprintIdentifier": "namespace",
            "userInputs": {"properties": INPUTS, "required": ["reason"], "order": ["reason"]},
        },
        "invocationMethod": {
            "type": "UPSERT_ENTITY",
            "blueprintIdentifier": "namespace",
            "mapping": {"identifier": "{{ .entity.identifier }}", "title": "{{ .inputs.reason }}"},
        },
    }
    answer = catalog.api.post("/actions", json={**body, **members})
    assert answer.status_code == 201, answer.text


def submit(catalog: AlertCatalog, path: str = "/actions/note", **fields: str) -> httpx.Response:
    return catalog.api.post(catalog.url + path, data=fields, follow_redirects=False)


def runs_of(catalog: AlertCatalog) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = catalog.api.get("/actions/runs").json()["runs"]
    return found


def test_a_catalog_without_actions_offers_some(catalog: AlertCatalog) -> None:
    said = text_of(catalog.page("/runs"))
    assert "Nothing has run yet" in said
    assert "falcoport setup --with triage" in said


def test_a_form_has_a_field_for_each_input(catalog: AlertCatalog) -> None:
    add_action(catalog)
    html = catalog.page("/actions/note?entity=auth/x")
    assert 'name="entity" value="auth/x" required' in html
    assert html.index("input-reason") < html.index("input-kind")
    assert re.search(r'id="input-reason" name="input-reason" value="" required', html)
    assert "<option selected>known</option>" in html
    assert re.search(r'type="number" [^>]*value="2" step="any"', html)
    assert 'type="checkbox" id="input-urgent"' in html
    assert '<textarea id="input-names"' in html


def test_a_form_starts_a_run_with_its_inputs(catalog: AlertCatalog) -> None:
    add_action(catalog)
    answer = submit(
        catalog,
        entity="auth/x",
        **{
            "input-reason": "tested",
            "input-kind": "noise",
            "input-count": "1.5",
            "input-urgent": "true",
            "input-names": "a\r\nb\r\n",
            "input-more": '{"a": 1}',
        },
    )
    assert answer.status_code == 303
    run = runs_of(catalog)[0]
    assert answer.headers["location"] == f"/runs/{run['id']}"
    assert run["properties"] == {
        "reason": "tested",
        "kind": "noise",
        "count": 1.5,
        "urgent": True,
        "names": ["a", "b"],
        "more": {"a": 1},
    }
    assert run["entity"]["identifier"] == "auth/x"
    said = text_of(catalog.page(answer.headers["location"]))
    assert "Take a note" in said
    assert "tested" in said
    listed = text_of(catalog.page("/runs"))
    assert "auth/x" in listed
    assert "UPSERT_ENTITY" in listed


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"entity": "auth/x"}, "must have required property &#39;reason&#39;"),
        ({"entity": "none", "input-reason": "x"}, "none"),
        ({"entity": "auth/x", "input-reason": "x", "input-count": "many"}, "must be a number"),
        ({"entity": "auth/x", "input-reason": "x", "input-more": "{"}, "must be an object in JSON"),
        ({"entity": "auth/x", "input-reason": "x", "input-kind": "other"}, "input-kind"),
    ],
)
def test_what_does_not_fit_is_said_beside_what_was_filled_in(
    catalog: AlertCatalog, fields: dict[str, str], problem: str
) -> None:
    add_action(catalog)
    answer = submit(catalog, **fields)
    assert answer.status_code in (404, 422)
    assert 'role="alert"' in answer.text
    assert problem in answer.text
    assert f'value="{fields["entity"]}"' in answer.text
    assert runs_of(catalog) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_form_starts_nothing(catalog: AlertCatalog, headers: dict[str, str]) -> None:
    add_action(catalog)
    fields = {"entity": "auth/x", "input-reason": "x"}
    answer = catalog.api.post(f"{catalog.url}/actions/note", data=fields, headers=headers)
    assert answer.status_code == 403
    assert runs_of(catalog) == []


def test_an_automation_has_no_form(catalog: AlertCatalog) -> None:
    trigger = {
        "type": "automation",
        "event": {"type": "ENTITY_CREATED", "blueprintIdentifier": "falco_alert"},
    }
    add_action(catalog, trigger=trigger, publish=True)
    assert "starts by itself" in catalog.page("/actions/note", 404)
    assert submit(catalog).status_code == 404
    said = text_of(catalog.page("/runs"))
    assert "Take a note automation ENTITY_CREATED of falco_alert" in said


def test_a_run_that_waits_is_approved_or_declined(catalog: AlertCatalog) -> None:
    add_action(catalog, requiredApproval=True)
    for decision, status in (("approve", "APPROVED"), ("decline", "DECLINED")):
        submit(catalog, entity="auth/x", **{"input-reason": decision})
        run = runs_of(catalog)[0]["id"]
        assert "This run waits for an approval" in catalog.page(f"/runs/{run}")
        answer = submit(catalog, f"/runs/{run}/decision", decision=decision)
        assert answer.headers["location"] == f"/runs/{run}"
        assert catalog.api.get(f"/actions/runs/{run}").json()["run"]["approval"]["state"] == status
        assert "waits for an approval" not in catalog.page(f"/runs/{run}")


def test_an_entity_offers_its_actions_and_shows_their_runs(catalog: AlertCatalog) -> None:
    add_action(catalog)
    html = catalog.page("/catalog/namespace/auth%2Fx")
    assert '<a class="button" href="/actions/note?entity=auth%2Fx">Take a note</a>' in html
    submit(catalog, entity="auth/x", **{"input-reason": "seen"})
    assert 'href="/runs/r_' in catalog.page("/catalog/namespace/auth%2Fx")


def test_what_actions_say_is_text(catalog: AlertCatalog) -> None:
    inputs = {"x": {"type": "string", "title": EVIL, "description": EVIL, "default": EVIL}}
    trigger = {
        "type": "self-service",
        "operation": "CREATE",
        "userInputs": {"properties": inputs, "required": []},
    }
    add_action(catalog, title=EVIL, description=EVIL, trigger=trigger)
    answer = submit(catalog, **{"input-x": EVIL})
    for path in ("/runs", "/actions/note", answer.headers["location"], f"/runs?action={EVIL}"):
        assert "<script>alert" not in catalog.page(path)


def test_a_person_runs_an_action_from_a_dashboard(catalog: AlertCatalog, browser: Browser) -> None:
    add_action(catalog)
    card = {"id": "card", "type": "action-card-widget", "actions": [{"action": "note"}]}
    layout = [{"height": 400, "columns": [{"id": "card", "size": 12}]}]
    root = {"id": "root", "type": "dashboard-widget", "layout": layout, "widgets": [card]}
    page = {"identifier": "shown", "title": "Shown", "type": "dashboard", "widgets": [root]}
    catalog.api.post("/pages", json=page).raise_for_status()
    browser.open(f"{catalog.url}/dashboards/shown")
    browser.open(browser.evaluate("document.querySelector('a.button').href"))
    browser.evaluate("document.getElementById('entity').value = 'auth/x'; 0")
    browser.evaluate("document.getElementById('input-reason').value = 'Seen by me'; 0")
    browser.evaluate("document.querySelector('form [type=submit]').click()")
    browser.wait_for_load()
    browser.wait_until("document.querySelector('h1 .state')?.innerText === 'success'", 10)
    namespace = catalog.api.get("/blueprints/namespace/entities/auth%2Fx").json()["entity"]
    assert namespace["title"] == "Seen by me"


@pytest.mark.parametrize(("scheme", "width"), [("dark", 360), ("light", 1280)])
def test_runs_and_forms_are_accessible_and_fit(
    catalog: AlertCatalog, browser: Browser, scheme: str, width: int
) -> None:
    add_action(catalog, requiredApproval=True)
    run = submit(catalog, entity="auth/x", **{"input-reason": "x"}).headers["location"]
    browser.prefer(scheme)
    browser.resize(width, 900)
    axe = find_axe()
    for path in ("/runs", run, "/actions/note", "/catalog/namespace/auth%2Fx"):
        browser.open(catalog.url + path)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, path
        if axe is not None:
            assert check_accessibility(browser, axe) == [], path
    if axe is None:
        pytest.skip("axe-core is not here: npm install --global axe-core, or set AXE_CORE")
