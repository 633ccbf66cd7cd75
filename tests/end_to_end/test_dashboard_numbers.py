"""The dashboard in a real browser: each number on it is what jq counts in the alerts themselves."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from support.browser import CHROMIUM, running_browser
from support.command_line import falcoport
from support.port_client import port_client
from support.weeks import week

from falcoport.sandbox.options import Catalog, SandboxOptions
from falcoport.sandbox.server import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

JQ = shutil.which("jq")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and JQ), reason="needs chromium and jq"),
]

ACKNOWLEDGED = "Fileless execution via memfd_create"
# What a widget shows, by its title: a number, names with numbers, or the rows of a table.
READ = """
Object.fromEntries([...document.querySelectorAll('section.widget')].map(one => {
  const text = place => [...one.querySelectorAll(place)].map(found => found.innerText.trim())
  const [labels, counts] = [text('.label'), text('.count')]
  return [text('h2')[0], {
    number: text('.figure-value .value')[0] || null,
    counts: labels.slice(0, counts.length).map((name, at) => [name, counts[at]]),
    rows: [...one.querySelectorAll('tbody tr')].map(row =>
      [...row.children].map(cell => cell.textContent.trim())),
  }]
}))
"""
CRITICAL = 'IN(.priority; "Critical", "Alert", "Emergency")'


def shift_to_now(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return alerts whose last one is of now, none within minutes of what counts as a day ago."""
    now = datetime.now(UTC)
    shift = now - datetime.fromisoformat(alerts[-1]["time"])
    found = []
    for alert in alerts:
        time = datetime.fromisoformat(alert["time"]) + shift
        if abs(now - time - timedelta(days=1)) > timedelta(minutes=30):
            found.append({**alert, "time": time.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")})
    return found


@pytest.fixture(scope="module")
def alerts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a week of alerts to a file, that ends now."""
    path = tmp_path_factory.mktemp("week") / "alerts.jsonl"
    lines = (json.dumps(alert) for alert in shift_to_now([*week(0.003)]))
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def shown(alerts: Path) -> Iterator[dict[str, Any]]:
    """Return what a browser shows of the dashboard, once some alerts are acknowledged."""
    assert CHROMIUM is not None
    with running_sandbox(SandboxOptions(port=0, catalog=Catalog.EXPORTER)) as running:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PORT_API_URL", running.url)
            environment.setenv("PORT_CLIENT_ID", running.client_id)
            environment.setenv("PORT_CLIENT_SECRET", running.client_secret)
            options = ("--profile", "standard", "--cluster", "prod", "--ensure-namespaces")
            assert falcoport("setup", *options, "--with", "dashboard").exit_code == 0
            ran = falcoport("replay", str(alerts), "--through", "api")
            assert ran.exit_code == 0, ran.stderr
        with closing(port_client(running)) as api:
            acknowledge(api)
        with running_browser(CHROMIUM) as browser:
            browser.open(f"{running.url}/dashboards/falco_security")
            yield browser.evaluate(READ)


def acknowledge(api: httpx.Client) -> None:
    path = "/blueprints/falco_alert/entities"
    for one in api.get(path).json()["entities"]:
        if one["properties"]["rule"] == ACKNOWLEDGED:
            name = quote(one["identifier"], safe="")
            body = {"properties": {"status": "Acknowledged"}}
            api.patch(f"{path}/{name}", json=body).raise_for_status()


def count(alerts: Path, expression: str) -> Any:
    """Return what jq makes of all alerts."""
    assert JQ is not None
    ran = subprocess.run(
        [JQ, "-s", "-c", "--arg", "acknowledged", ACKNOWLEDGED, expression, str(alerts)],
        capture_output=True,
        check=True,
        text=True,
    )
    return json.loads(ran.stdout)


def number(widget: dict[str, Any]) -> int:
    return int(widget["number"].replace(",", ""))


def counts(widget: dict[str, Any]) -> dict[str, int]:
    return {name: int(text.replace(",", "")) for name, text in widget["counts"]}


@pytest.mark.parametrize(
    ("title", "expression"),
    [
        (
            "Open critical alerts",
            f"map(select(({CRITICAL}) and .rule != $acknowledged)) | length",
        ),
        ("Open alerts", "map(select(.rule != $acknowledged)) | length"),
        (
            "Last 24 hours",
            'map(select((.time[0:19] + "Z" | fromdate) > (now - 86400))) | length',
        ),
    ],
)
def test_a_number_is_what_jq_counts(
    shown: dict[str, Any], alerts: Path, title: str, expression: str
) -> None:
    assert number(shown[title]) == count(alerts, expression) > 0


@pytest.mark.parametrize(
    ("title", "expression"),
    [
        ("By priority", ".[].priority"),
        ("Rules that fire most", ".[].rule"),
        ("By status", '.[] | if .rule == $acknowledged then "Acknowledged" else "Open" end'),
        (
            "MITRE ATT&CK tactics",
            '.[].tags[] | select(startswith("mitre_")) | ltrimstr("mitre_")',
        ),
    ],
)
def test_bars_and_slices_are_what_jq_counts(
    shown: dict[str, Any], alerts: Path, title: str, expression: str
) -> None:
    grouped = f"[{expression}] | group_by(.) | map({{key: .[0], value: length}}) | from_entries"
    assert counts(shown[title]) == count(alerts, grouped)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Namespaces with most alerts", '."k8s.ns.name"'),
        (
            "Workloads with most alerts",
            '(."k8s.pod.name" | strings | sub("-[^-]+-[^-]+$"; "") + "-Deployment")',
        ),
    ],
)
def test_the_longest_bars_are_those_of_jq(
    shown: dict[str, Any], alerts: Path, title: str, name: str
) -> None:
    """Beyond some bars, the rest is one; what has no value is counted as well."""
    grouped = (
        f"[.[].output_fields | {name}] | group_by(.)"
        " | map({key: (.[0] // empty), value: length}) | from_entries"
    )
    expected: dict[str, int] = count(alerts, grouped)
    found = counts(shown[title])
    named = {key: value for key, value in found.items() if key in expected}
    assert len(named) >= 8
    assert named == {key: expected[key] for key in named}
    assert min(named.values()) >= max(
        (value for key, value in expected.items() if key not in named), default=0
    )
    assert sum(found.values()) == count(alerts, "length")


def test_the_line_of_each_priority_adds_up_day_by_day(shown: dict[str, Any], alerts: Path) -> None:
    rows = shown["Alerts per day, by priority"]["rows"]
    by_day = (
        "group_by(.time[0:10]) | map({key: .[0].time[0:10], value: ([.[].priority]"
        ' | [map(select(. == "Critical")), map(select(. == "Warning")), map(select(. == "Notice"))]'
        " | map(length))}) | from_entries"
    )
    found = {row[0][:10]: [int(cell.replace(",", "")) for cell in row[1:]] for row in rows}
    assert {day: cells for day, cells in found.items() if any(cells)} == count(alerts, by_day)


def test_the_newest_alerts_stand_first(shown: dict[str, Any], alerts: Path) -> None:
    rows = shown["Newest alerts"]["rows"]
    newest: list[list[str]] = count(
        alerts, "sort_by(.time) | reverse | .[0:20] | map([.priority, .rule])"
    )
    assert [[row[1], row[3]] for row in rows[:20]] == newest
