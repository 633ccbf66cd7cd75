"""The pages in a real Chromium: they follow, keep what a person does, and are accessible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.browser import check_accessibility, find_axe
from support.port_client import port_client

from falcoport.sandbox.server import SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from support.alert_catalog import AlertCatalog
    from support.browser import Browser

EVIL = '</script><script>document.title="owned"</script><img src=x onerror=alert(1)>'
ALERT = "/catalog/falco_alert/node-2026-11-23T09:00:00.000000001Z"
REFRESH = "refresh().then(() => 0)"  # what the page does each second
RULES = "[...document.querySelectorAll('td.col-rule a')].map(found => found.textContent)"


def test_the_page_follows_what_comes_in_and_runs_none_of_it(
    catalog: AlertCatalog, browser: Browser
) -> None:
    catalog.alert(1)
    browser.open(catalog.url + "/")
    assert browser.evaluate(RULES) == ["Rule 1"]
    catalog.alert(2, rule=f"Rule 2 {EVIL}", priority="Notice")
    browser.wait_until("document.body.innerText.includes('Rule 2 ')")
    assert browser.evaluate(RULES) == [f"Rule 2 {EVIL}", "Rule 1"]
    colours = (
        "[...document.querySelectorAll('.alerts .priority')]"
        ".map(found => getComputedStyle(found).color)"
    )
    assert len(set(browser.evaluate(colours))) == 2
    assert browser.evaluate("document.title") == "Alerts · falcoport sandbox"
    assert browser.evaluate("document.getElementById('news').textContent").startswith("1 new alert")
    outside = (
        "performance.getEntriesByType('resource').map(found => found.name)"
        ".filter(name => !name.startsWith(location.origin))"
    )
    assert browser.evaluate(outside) == []


def test_an_empty_page_turns_into_alerts_by_itself(catalog: AlertCatalog, browser: Browser) -> None:
    browser.open(catalog.url + "/")
    assert browser.evaluate("document.getElementById('next-command').innerText.trim()") == (
        "falcoport send-test"
    )
    assert browser.evaluate("document.querySelector('button.copy').hidden") is False
    catalog.alert(1)
    browser.evaluate(REFRESH)
    assert browser.evaluate(RULES) == ["Rule 1"]


@pytest.mark.parametrize(
    "width", [320, 1280, *(pytest.param(one, marks=pytest.mark.slow) for one in (360, 768, 2560))]
)
def test_no_page_is_wider_than_the_window(
    catalog: AlertCatalog, browser: Browser, width: int
) -> None:
    catalog.alert(1, output="word" * 200, hostname="h" * 200, output_fields={"a" * 90: "b" * 900})
    catalog.alert(2, tags=["port-nowhere"])
    identifier = catalog.api.get("/blueprints/falco_alert/entities").json()["entities"][0]
    alert = f"/catalog/falco_alert/{identifier['identifier']}"
    browser.resize(width, 900)
    for path in ("/", alert, "/catalog", "/catalog/falco_alert", "/events", "/events/2", "/none"):
        browser.open(catalog.url + path)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_person_walks_from_an_alert_to_its_namespace(
    catalog: AlertCatalog, browser: Browser
) -> None:
    catalog.alert(1)
    browser.open(catalog.url + "/")
    browser.open(browser.evaluate("document.querySelector('td.col-rule a').href"))
    assert "output 1" in browser.evaluate("document.body.innerText")
    browser.open(browser.evaluate("document.querySelector('.detail a').href"))
    assert browser.evaluate("document.querySelector('h1').innerText").startswith("auth/x")
    assert browser.evaluate(RULES) == ["Rule 1"]


def test_the_form_puts_only_what_is_filled_in_into_the_address(
    catalog: AlertCatalog, browser: Browser
) -> None:
    catalog.alert(1)
    catalog.alert(2, priority="Notice")
    browser.open(catalog.url + "/")
    browser.evaluate("document.getElementById('filter-priority').value = 'Notice'; 0")
    browser.evaluate("document.querySelector('form [type=submit]').click()")
    browser.wait_for_load()
    assert browser.evaluate("location.search") == "?priority=Notice"
    assert browser.evaluate(RULES) == ["Rule 2"]


def test_keyboard_focus_open_details_and_typing_outlive_a_refresh(
    catalog: AlertCatalog, browser: Browser
) -> None:
    catalog.alert(1)
    browser.open(catalog.url + "/")
    browser.evaluate("document.getElementById('over-time-table').open = true; 0")
    browser.evaluate("document.getElementById('sort-rule').focus(); 0")
    catalog.alert(2)
    browser.evaluate(REFRESH)
    assert len(browser.evaluate(RULES)) == 2
    assert browser.evaluate("document.activeElement.id") == "sort-rule"
    assert browser.evaluate("document.getElementById('over-time-table').open") is True
    browser.evaluate("document.querySelector('td.col-rule a').focus(); 0")
    catalog.alert(3)
    browser.evaluate(REFRESH)
    assert len(browser.evaluate(RULES)) == 3
    assert browser.evaluate("document.activeElement.textContent") == "Rule 2"
    typing = "const field = document.getElementById('filter-q'); field.focus(); field.value = 'he'"
    browser.evaluate(f"{typing}; 0")
    catalog.alert(4)
    browser.evaluate(REFRESH)
    assert len(browser.evaluate(RULES)) == 4
    assert browser.evaluate("document.activeElement.value") == "he"


def test_the_first_tab_stop_skips_to_the_content(catalog: AlertCatalog, browser: Browser) -> None:
    browser.open(catalog.url + "/")
    browser.press("Tab", 9)
    assert browser.evaluate("document.activeElement.className") == "skip"
    browser.press("Enter", 13, "\r")
    browser.wait_until("document.activeElement.id === 'content'")


def test_following_can_be_paused(catalog: AlertCatalog, browser: Browser) -> None:
    catalog.alert(1)
    browser.open(catalog.url + "/")
    browser.evaluate("document.getElementById('live').click()")
    assert browser.evaluate("document.getElementById('live').innerText") == "Paused"
    catalog.alert(2)
    assert browser.evaluate(f"refresh().then(() => {RULES})") == ["Rule 1"]
    browser.evaluate("document.getElementById('live').click()")
    browser.evaluate(REFRESH)
    assert len(browser.evaluate(RULES)) == 2


@pytest.mark.slow  # the page asks again after seconds
def test_a_lost_server_is_said_and_a_new_one_is_followed(browser: Browser) -> None:
    with running_sandbox(SandboxOptions(port=0)) as first:
        browser.open(first.url + "/")
        port = int(first.url.rpartition(":")[2])
    browser.wait_until("!document.getElementById('lost').hidden")
    said = browser.evaluate("document.getElementById('lost').innerText")
    assert f"The sandbox at 127.0.0.1:{port} does not answer" in said
    assert browser.evaluate("document.getElementById('live').innerText") == "Lost"
    with running_sandbox(SandboxOptions(port=port)) as second, port_client(second):
        browser.wait_until("document.getElementById('lost').hidden")
        assert browser.evaluate("document.getElementById('live').innerText") == "Live"


def test_times_grow_older_on_a_page_that_does_not_change(
    catalog: AlertCatalog, browser: Browser
) -> None:
    catalog.alert(1)
    browser.open(catalog.url + "/")
    server = browser.evaluate("document.querySelector('td .ago').textContent")
    assert browser.evaluate("document.querySelector('td .ago').textContent = ''; age(); "
                            "document.querySelector('td .ago').textContent") == server  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (59, "59 seconds ago"), (60, "1 minute ago"), (7200, "2 hours ago"),
     (172_800, "2 days ago"), (1_209_600, "2 weeks ago"), (6_000_000, "2 months ago"),
     (40_000_000, "1 year ago"), (-90, "in 1 minute")],
)  # fmt: skip
def test_browser_and_server_say_times_alike(
    catalog: AlertCatalog, browser: Browser, seconds: int, words: str
) -> None:
    from falcoport.sandbox.web.moments import write_ago

    browser.open(catalog.url + "/catalog")
    now = 1_790_000_000
    assert write_ago(now - seconds, now) == words
    assert browser.evaluate(f"ago({now - seconds} * 1000, {now} * 1000)") == words


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1280)])
def test_axe_finds_nothing_wrong(
    catalog: AlertCatalog, browser: Browser, scheme: str, width: int
) -> None:
    axe = find_axe()
    if axe is None:
        pytest.skip("axe-core is not here: npm install --global axe-core, or set AXE_CORE")
    browser.prefer(scheme)
    browser.resize(width, 900)
    browser.open(catalog.url + "/")
    assert check_accessibility(browser, axe) == []
    priorities = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational"]
    for number, priority in enumerate([*priorities, "Debug", "strange"]):
        catalog.alert(number, priority=priority, settled=False)
    catalog.alert(10, tags=["port-nowhere"])
    filtered = "/?priority=Critical&q=output&from=2026-11-01&sort=rule&page=1"
    pages = ["/", filtered, "/?q=nothing", "/?from=soon", ALERT, "/catalog/namespace/auth%2Fx"]
    pages += ["/catalog", "/catalog/falco_alert", "/events", "/events/10", "/none"]
    for path in pages:
        browser.open(catalog.url + path)
        browser.evaluate(
            "document.querySelectorAll('details').forEach(one => { one.open = true }); 0"
        )
        assert check_accessibility(browser, axe) == [], path
