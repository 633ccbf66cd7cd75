"""The sandbox's pages show the catalog, in a real browser too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.browser import CHROMIUM, Browser, running_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from falcoport.sandbox.server import RunningSandbox

ROOT = Path(__file__).parents[3]
EVIL = '</script><script>document.title="owned"</script><img src=x onerror=alert(1)>'


class Catalog:
    """A sandbox that is set up for alerts."""

    def __init__(self, sandbox: RunningSandbox, api: httpx.Client) -> None:
        self.url = sandbox.url
        self.api = api
        namespace = {"identifier": "namespace", "title": "Namespace", "schema": {"properties": {}}}
        alert = yaml.safe_load((ROOT / "blueprints/falco_alert.yaml").read_text())
        for blueprint in (namespace, alert):
            api.post("/blueprints", json=blueprint).raise_for_status()
        api.post("/blueprints/namespace/entities", json={"identifier": "auth/x"}).raise_for_status()
        webhook = yaml.safe_load((ROOT / "webhook_configs/falco_alert_mapper.yaml").read_text())
        answer = api.post("/webhooks", json=webhook).raise_for_status()
        self.webhook = answer.json()["integration"]["url"]

    def alert(self, number: int, *, settled: bool = True, **members: Any) -> None:
        body = {
            "hostname": "node",
            "time": f"2026-11-23T09:00:00.{number:09d}Z",
            "rule": f"Rule {number}",
            "priority": "Critical",
            "output": f"output {number}",
            "source": "syscall",
            "tags": ["port-auth/x"],
            "output_fields": {"evt": number},
            **members,
        }
        assert self.api.post(self.webhook, json=body).status_code == 202
        if settled:
            self.api.get(f"{self.url}/_sandbox/events?settled=true")

    def page(self, path: str, status: int = 200) -> str:
        answer = self.api.get(self.url + path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        return answer.text


@pytest.fixture
def catalog(sandbox: RunningSandbox, api: httpx.Client) -> Catalog:
    """Set a sandbox up for alerts."""
    return Catalog(sandbox, api)


def test_the_first_page_shows_blueprints_alerts_and_events(catalog: Catalog) -> None:
    assert "Nothing has arrived yet" in catalog.page("/")
    catalog.alert(1)
    catalog.alert(2, tags=["port-nowhere"])
    catalog.alert(3)
    text = catalog.page("/")
    assert text.index("Rule 3") < text.index("Rule 1")
    assert '<span class="priority critical">Critical</span>' in text
    assert '<a href="/catalog/namespace/auth%2Fx">auth/x</a>' in text
    assert "Entity &#34;nowhere&#34; does not exist in blueprint &#34;namespace&#34;" in text
    assert "2 mapped" in text
    assert "1 refused" in text
    assert catalog.webhook.rpartition("/")[2] not in text


def test_an_empty_sandbox_has_a_first_page(sandbox: RunningSandbox, api: httpx.Client) -> None:
    assert "falcoport setup" in api.get(sandbox.url + "/").text
    assert "None." in api.get(sandbox.url + "/events").text


def test_what_alerts_contain_is_text(catalog: Catalog) -> None:
    catalog.alert(
        1, rule=EVIL, output=EVIL, priority=EVIL, hostname="evil", output_fields={EVIL: EVIL}
    )
    catalog.alert(2, hostname=EVIL)
    identifier = catalog.api.get("/blueprints/falco_alert/entities").json()["entities"][0]
    path = f"/catalog/falco_alert/{identifier['identifier']}"
    for page in ("/", "/catalog/falco_alert", path, "/events", "/events/1", "/events/2"):
        text = catalog.page(page)
        assert "<script>" not in text
        assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in catalog.page(path)


def test_an_alerts_page_has_every_detail(catalog: Catalog) -> None:
    catalog.alert(1, output_fields={"proc.cmdline": "sh -c id", "k8s.ns.name": None})
    text = catalog.page("/catalog/falco_alert/node-2026-11-23T09:00:00.000000001Z")
    for part in ("output 1", "proc.cmdline", "sh -c id", "port-auth/x", "syscall", "Critical"):
        assert part in text
    back = catalog.page("/catalog/namespace/auth%2Fx")
    assert "Rule 1" in back


def test_lists_are_paged_newest_first(catalog: Catalog) -> None:
    for number in range(60):
        catalog.alert(number, settled=number == 59)
    first = catalog.page("/catalog/falco_alert")
    assert "Rule 59<" in first
    assert "Rule 10<" in first
    assert "Rule 9<" not in first
    older = first.partition('href="/catalog/falco_alert?before=')[2].partition('"')[0]
    second = catalog.page(f"/catalog/falco_alert?before={older}")
    assert "Rule 9<" in second
    assert "Rule 0<" in second
    assert "Rule 10<" not in second
    events = catalog.page("/events")
    older = events.partition('href="/events?before=')[2].partition('"')[0]
    assert "Event 10<" in catalog.page(f"/events?before={older}&state=mapped")
    assert "Event" not in catalog.page("/events?state=refused").partition("<section>")[2].replace(
        "Events", ""
    )


def test_events_tell_failing_expressions_and_keep_what_they_saw(catalog: Catalog) -> None:
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
    "path", ["/catalog/none", "/catalog/falco_alert/none", "/events/9", "/events/x"]
)
def test_what_is_not_there_is_a_page_too(catalog: Catalog, path: str) -> None:
    assert "Not here" in catalog.page(path, 404)


def test_an_unchanged_page_is_not_sent_again(catalog: Catalog) -> None:
    tag = catalog.api.get(catalog.url + "/").headers["etag"]
    asked = {"If-None-Match": tag}
    assert catalog.api.get(catalog.url + "/", headers=asked).status_code == 304
    catalog.alert(1)
    assert catalog.api.get(catalog.url + "/", headers=asked).status_code == 200


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """Run a headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with running_browser(tmp_path / "profile") as running:
        yield running


def test_a_browser_follows_what_comes_in_and_runs_none_of_it(
    catalog: Catalog, browser: Browser
) -> None:
    catalog.alert(1)
    browser.open(catalog.url + "/")
    assert browser.evaluate("document.body.innerText.includes('Rule 1')")
    catalog.alert(2, rule=f"Rule 2 {EVIL}", priority="Notice")
    arrived = """
        new Promise(done => {
            const look = () => document.body.innerText.includes('Rule 2 ') && done(true);
            new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
            look();
        })
    """
    assert browser.evaluate(arrived) is True
    rules = "[...document.querySelectorAll('.rule a')].map(found => found.textContent)"
    assert browser.evaluate(rules) == [f"Rule 2 {EVIL}", "Rule 1"]
    colours = (
        "[...document.querySelectorAll('.alerts .priority')]"
        ".map(found => getComputedStyle(found).color)"
    )
    assert len(set(browser.evaluate(colours))) == 2
    assert browser.evaluate("document.title") == "Catalog · falcoport sandbox"
    outside = (
        "performance.getEntriesByType('resource').map(found => found.name)"
        ".filter(name => !name.startsWith(location.origin))"
    )
    assert browser.evaluate(outside) == []
    browser.resize(360, 800)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_browser_walks_from_an_alert_to_its_namespace(catalog: Catalog, browser: Browser) -> None:
    catalog.alert(1)
    browser.open(catalog.url + "/")
    alert = browser.evaluate("document.querySelector('.rule a').href")
    browser.open(alert)
    assert "output 1" in browser.evaluate("document.body.innerText")
    browser.open(browser.evaluate("document.querySelector('.detail a').href"))
    text = browser.evaluate("document.body.innerText")
    assert "auth/x" in text
    assert "Rule 1" in text
