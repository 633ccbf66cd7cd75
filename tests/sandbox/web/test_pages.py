"""The sandbox's pages show the alerts, the catalog, and what became of each event."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx
    from support.alert_catalog import AlertCatalog

    from falcoport.sandbox.server import RunningSandbox

EVIL = '</script><script>document.title="owned"</script><img src=x onerror=alert(1)>'
TIMES = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-23T09:00:00.5+02:00"]


def text_of(html: str) -> str:
    """Return what a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def rules_of(html: str) -> list[str]:
    """Return the rules of the alerts that a page lists, in order."""
    return re.findall(r'<td [^>]*class="col-rule"><a [^>]*>([^<]*)<', html)


# --- home -----------------------------------------------------------------------------------


def test_an_empty_sandbox_offers_the_next_command(
    sandbox: RunningSandbox, api: httpx.Client
) -> None:
    text = api.get(sandbox.url + "/").text
    assert f"export PORT_API_URL={sandbox.url}/v1\n" in text
    assert f"export PORT_CLIENT_SECRET={sandbox.client_secret}" in text
    assert "falcoport setup --create-namespace-blueprint" in text
    assert "There is no event" in api.get(sandbox.url + "/events").text
    assert "There is no blueprint yet" in api.get(sandbox.url + "/catalog").text


def test_a_sandbox_without_alerts_offers_to_send_one(catalog: AlertCatalog) -> None:
    text = catalog.page("/")
    assert "falcoport send-test" in text
    assert catalog.webhook.rpartition("/")[2] not in text


def test_home_says_how_many_how_bad_where_and_since_when(catalog: AlertCatalog) -> None:
    catalog.namespace("web")
    for number, (priority, tag) in enumerate(
        [("Critical", "port-auth/x"), ("Notice", "port-auth/x"), ("Emergency", "port-web")]
    ):
        catalog.alert(number, priority=priority, tags=[tag])
    text = text_of(catalog.page("/"))
    assert "3 alerts, 2 critical or worse , most of all in auth/x" in text
    assert "How bad 2 critical or worse, the worst Emergency" in text
    assert "Where 2 namespaces, most in auth/x" in text
    assert "first 2026-11-23 09:00:00 UTC" in text
    assert "auth/x 2" in text
    assert catalog.webhook.rpartition("/")[2] not in text


def test_home_lists_alerts_newest_first_with_where_they_belong(catalog: AlertCatalog) -> None:
    for number in (1, 3, 2, 2):
        catalog.alert(number, time=f"2026-11-23T09:00:00.{number}00000001Z")
    catalog.alert(4, time="2026-11-23T09:00:00.300000001Z", hostname="other")
    text = catalog.page("/")
    assert rules_of(text) == ["Rule 4", "Rule 3", "Rule 2", "Rule 1"]
    assert '<a href="/catalog/namespace/auth%2Fx">auth/x</a>' in text
    assert '<span class="exact">2026-11-23 09:00:00 UTC</span>' in text


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        ("priority=notice", ["Rule 4", "Rule 2"]),
        ("priority=Notice&priority=Critical", ["Rule 4", "Rule 3", "Rule 2", "Rule 1"]),
        ("namespace=web", ["Rule 4"]),
        ("namespace=-", ["Rule 3"]),
        ("rule=Rule+1", ["Rule 1"]),
        ("q=OUTPUT+2", ["Rule 2"]),
        ("q=%25", []),
        ("from=2026-11-24", ["Rule 4"]),
        ("to=2026-11-24", ["Rule 3", "Rule 2", "Rule 1"]),
        ("sort=time", ["Rule 1", "Rule 2", "Rule 3", "Rule 4"]),
        ("sort=-rule", ["Rule 4", "Rule 3", "Rule 2", "Rule 1"]),
        ("sort=-priority", ["Rule 3", "Rule 1", "Rule 4", "Rule 2"]),
        ("page=2", []),
        ("cluster=prod", []),
    ],
)
def test_filters_and_order_come_from_the_address(
    catalog: AlertCatalog, query: str, rules: list[str]
) -> None:
    catalog.namespace("web")
    catalog.alert(1, settled=False)
    catalog.alert(2, settled=False, priority="Notice")
    catalog.alert(3, settled=False, tags=[])
    catalog.alert(4, priority="Notice", tags=["port-web"], time="2026-11-24T10:00:00Z")
    assert rules_of(catalog.page(f"/?{query}")) == rules


def test_a_filter_that_cannot_be_read_is_named(catalog: AlertCatalog) -> None:
    catalog.alert(1)
    text = catalog.page("/?from=soon&sort=colour")
    assert "&#34;from&#34; is not a time: soon" in text
    assert "&#34;sort&#34; is not a column: colour" in text
    assert rules_of(text) == ["Rule 1"]


def test_alerts_that_are_written_renamed_and_deleted_are_followed(catalog: AlertCatalog) -> None:
    for number in (1, 2):
        catalog.alert(number)
    assert rules_of(catalog.page("/")) == ["Rule 2", "Rule 1"]
    entities = catalog.api.get("/blueprints/falco_alert/entities").json()["entities"]
    first = f"/blueprints/falco_alert/entities/{entities[0]['identifier']}"
    catalog.api.patch(first, json={"properties": {"rule": "Other"}}).raise_for_status()
    assert rules_of(catalog.page("/")) == ["Rule 2", "Other"]
    renamed = {"identifier": "renamed", "title": "x"}
    catalog.api.put("/blueprints/namespace/entities/auth%2Fx", json=renamed).raise_for_status()
    assert rules_of(catalog.page("/?namespace=renamed")) == ["Rule 2", "Other"]
    catalog.api.delete(first).raise_for_status()
    assert rules_of(catalog.page("/")) == ["Rule 2"]
    catalog.api.delete("/blueprints/namespace/entities/renamed").raise_for_status()
    assert rules_of(catalog.page("/?namespace=-")) == ["Rule 2"]


def test_alerts_are_read_again_when_a_property_is_renamed(catalog: AlertCatalog) -> None:
    catalog.alert(1)
    assert rules_of(catalog.page("/")) == ["Rule 1"]
    path = "/blueprints/falco_alert/properties/hostname/rename"
    catalog.api.patch(path, json={"newPropertyName": "host"}).raise_for_status()
    assert rules_of(catalog.page("/?sort=host")) == ["Rule 1"]


def test_two_blueprints_of_alerts_are_kept_apart(catalog: AlertCatalog) -> None:
    finding = {
        "identifier": "falco_finding",
        "title": "Findings",
        "schema": {
            "properties": {
                "priority": {"type": "string"},
                "rule": {"type": "string"},
                "lastSeen": {"type": "string", "format": "date-time"},
            }
        },
    }
    catalog.api.post("/blueprints", json=finding).raise_for_status()
    catalog.alert(1)
    path = "/blueprints/falco_finding/entities"
    properties = {"rule": "Found", "priority": "Alert", "lastSeen": "2026-11-23T09:00:00Z"}
    catalog.api.post(path, json={"identifier": "f", "properties": properties}).raise_for_status()
    for _ in range(2):
        assert rules_of(catalog.page("/")) == ["Rule 1"]
        text = catalog.page("/?blueprint=falco_finding")
        assert rules_of(text) == ["Found"]
        assert "2026-11-23 09:00:00 UTC" in text
        catalog.api.patch(f"{path}/f", json={"title": "Changed"}).raise_for_status()


@pytest.mark.parametrize("time", TIMES)
def test_any_time_that_an_alert_says_can_be_shown(catalog: AlertCatalog, time: str) -> None:
    catalog.alert(1, time=time)
    catalog.alert(2)
    assert sorted(rules_of(catalog.page("/"))) == ["Rule 1", "Rule 2"]


def test_the_cluster_of_an_alert_is_that_of_its_namespace(catalog: AlertCatalog) -> None:
    cluster = {"identifier": "cluster", "title": "Cluster", "schema": {"properties": {}}}
    catalog.api.post("/blueprints", json=cluster).raise_for_status()
    catalog.api.post("/blueprints/cluster/entities", json={"identifier": "prod"})
    relation = {"title": "Cluster", "target": "cluster", "required": False, "many": False}
    body = {"relations": {"Cluster": relation}}
    catalog.api.patch("/blueprints/namespace", json=body).raise_for_status()
    catalog.api.patch(
        "/blueprints/namespace/entities/auth%2Fx", json={"relations": {"Cluster": "prod"}}
    ).raise_for_status()
    catalog.alert(1)
    catalog.alert(2, tags=[])
    assert rules_of(catalog.page("/?cluster=prod")) == ["Rule 1"]
    assert rules_of(catalog.page("/?cluster=-")) == ["Rule 2"]
    assert "By cluster" in catalog.page("/")
    assert rules_of(catalog.page("/catalog/cluster/prod")) == ["Rule 1"]


# --- the catalog ----------------------------------------------------------------------------


def test_the_catalog_lists_blueprints_and_webhooks(catalog: AlertCatalog) -> None:
    catalog.alert(1)
    text = text_of(catalog.page("/catalog"))
    assert "Falco Alert 1 entities falco_alert" in text
    assert "leads to namespace" in text
    assert "writes to falco_alert" in text


def test_what_alerts_contain_is_text(catalog: AlertCatalog) -> None:
    catalog.alert(
        1, rule=EVIL, output=EVIL, priority=EVIL, hostname="evil", output_fields={EVIL: EVIL}
    )
    catalog.alert(2, hostname=EVIL)
    identifier = catalog.api.get("/blueprints/falco_alert/entities").json()["entities"][0]
    path = f"/catalog/falco_alert/{identifier['identifier']}"
    query = f"/?q={EVIL}&rule={EVIL}&from={EVIL}&sort={EVIL}&priority={EVIL}"
    pages = ("/", query, "/catalog/falco_alert", path, "/events", "/events/1", "/catalog")
    for page in pages:
        text = catalog.page(page)
        assert "<script>" not in text
        assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in catalog.page(path)
    assert "<script>" not in catalog.page(f"/catalog/{EVIL.replace('/', '%2F')}", 404)


def test_an_alerts_page_has_every_detail_and_its_rule_as_title(catalog: AlertCatalog) -> None:
    catalog.alert(1, output_fields={"proc.cmdline": "sh -c id", "k8s.ns.name": None})
    text = catalog.page("/catalog/falco_alert/node-2026-11-23T09:00:00.000000001Z")
    assert re.search(r"<h1 [^>]*>Rule 1 <span", text)
    assert "<title>Rule 1 · falcoport sandbox</title>" in text
    for part in ("output 1", "proc.cmdline", "sh -c id", "port-auth/x", "syscall", "Critical"):
        assert part in text


def test_an_alerts_page_shows_the_others_of_its_namespace_and_rule(catalog: AlertCatalog) -> None:
    for number in (0, 1):
        catalog.alert(number)
    catalog.alert(2, tags=[], rule="Rule 0")
    text = catalog.page("/catalog/falco_alert/node-2026-11-23T09:00:00.000000000Z")
    said = text_of(text)
    assert "More alerts in namespace auth/x 1 other" in said
    assert "More alerts of this rule 1 other" in said
    assert rules_of(text) == ["Rule 1", "Rule 0"]
    assert 'href="/?blueprint=falco_alert&amp;namespace=auth%2Fx"' in text


def test_a_namespaces_page_is_about_its_alerts(catalog: AlertCatalog) -> None:
    catalog.namespace("web")
    catalog.alert(1)
    catalog.alert(2, tags=["port-web"], priority="Notice")
    text = catalog.page("/catalog/namespace/auth%2Fx")
    assert rules_of(text) == ["Rule 1"]
    assert "By rule" in text
    assert "By namespace" not in text
    assert 'href="/catalog/namespace/auth%2Fx?priority=Critical"' in text
    assert rules_of(catalog.page("/catalog/namespace/auth%2Fx?priority=Notice")) == []


def test_lists_are_paged_newest_first(catalog: AlertCatalog) -> None:
    for number in range(60):
        catalog.alert(number, settled=number == 59)
    first = catalog.page("/catalog/falco_alert")
    identifiers = re.findall(r"node-2026-11-23T09:00:00\.0*(\d+)Z</a>", first)
    assert (len(identifiers), identifiers[0], identifiers[-1]) == (50, "59", "10")
    older = first.partition('href="/catalog/falco_alert?before=')[2].partition('"')[0]
    second = catalog.page(f"/catalog/falco_alert?before={older}")
    assert len(re.findall(r"Z</a>", second)) == 10
    events = catalog.page("/events")
    older = events.partition('href="/events?before=')[2].partition('"')[0]
    assert "Event 10<" in catalog.page(f"/events?before={older}&state=mapped")
    assert "There is no event in this state" in catalog.page("/events?state=refused")
    assert "page 1 of 2" in catalog.page("/")
    assert len(rules_of(catalog.page("/?page=2"))) == 10


# --- events and errors ----------------------------------------------------------------------


def test_home_names_events_that_became_nothing(catalog: AlertCatalog) -> None:
    catalog.alert(1)
    catalog.alert(2, tags=["port-nowhere"])
    text = catalog.page("/")
    assert "Entity &#34;nowhere&#34; does not exist in blueprint &#34;namespace&#34;" in text
    assert "1 mapped" in text
    assert "1 refused" in text


def test_events_show_failing_expressions_and_keep_what_they_saw(catalog: AlertCatalog) -> None:
    webhook = catalog.api.get("/webhooks/falco_alert_mapper").json()["integration"]
    mapping = webhook["mappings"][0]
    mapping["entity"]["properties"]["rule"] = ".body.rule.name"
    catalog.api.patch("/webhooks/falco_alert_mapper", json={"mappings": [mapping]})
    catalog.alert(1)
    text = catalog.page("/events/1")
    for part in ("partial", "entity.properties.rule", "Cannot index", ".body.rule.name"):
        assert part in text
    assert "&#34;rule&#34;: &#34;Rule 1&#34;" in text


@pytest.mark.parametrize(
    "path",
    ["/catalog/none", "/catalog/falco_alert/none", "/events/9", "/events/x", "/none", "/a/b/c/d"],
)
def test_what_is_not_there_is_a_page_in_a_browser(catalog: AlertCatalog, path: str) -> None:
    assert "Not found" in catalog.page(path, 404)


def test_a_client_of_the_api_gets_errors_as_json(catalog: AlertCatalog) -> None:
    for path, accept in (("/none", "*/*"), ("/v1/none", "text/html")):
        answer = catalog.api.get(catalog.url + path, headers={"Accept": accept})
        assert answer.status_code == 404
        assert answer.json()["ok"] is False


def test_an_unchanged_page_is_not_sent_again(catalog: AlertCatalog) -> None:
    tag = catalog.api.get(catalog.url + "/").headers["etag"]
    asked = {"If-None-Match": tag}
    assert catalog.api.get(catalog.url + "/", headers=asked).status_code == 304
    catalog.alert(1)
    assert catalog.api.get(catalog.url + "/", headers=asked).status_code == 200
