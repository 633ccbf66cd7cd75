"""A fleet with one webhook: each cluster's Falcosidekick names its cluster in the URL."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.command_line import falcoport
from support.port_client import port_client
from support.sidekick import REAL, run_sidekick

from falcoport.falco.samples import sample
from falcoport.sandbox.options import Catalog
from falcoport.sandbox.server import SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from falcoport.sandbox.options import RunningSandbox

BOTH = ("--cluster", "prod", "--cluster", "stage")
NEW_URL = "the Falcosidekick of cluster prod needs its new URL"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """Run a sandbox with the blueprints of today's exporter, and point falcoport to it."""
    with running_sandbox(SandboxOptions(port=0, catalog=Catalog.EXPORTER)) as running:
        monkeypatch.setenv("PORT_API_URL", running.url)
        monkeypatch.setenv("PORT_CLIENT_ID", running.client_id)
        monkeypatch.setenv("PORT_CLIENT_SECRET", running.client_secret)
        yield running


def test_going_from_one_cluster_to_several_says_that_the_first_needs_its_new_url(
    exporter: RunningSandbox,
) -> None:
    first = falcoport("plan", *BOTH)
    assert NEW_URL not in first.stderr  # there is no Falcosidekick yet
    assert falcoport("setup", "--cluster", "prod").exit_code == 0
    for command in ("plan", "setup"):
        ran = falcoport(command, *BOTH)
        assert ran.exit_code == 0
        assert ran.stderr.count(NEW_URL) == 1
    assert "falcoport show-url --cluster" in ran.stderr
    for added in (*BOTH, "--cluster", "edge"), BOTH, ():
        ran = falcoport("plan", "--exit-code", *added)
        assert ran.exit_code == 0, "adding a cluster changes nothing in Port"
        assert "warning" not in ran.stderr


def test_going_back_to_one_cluster_says_what_becomes_of_the_others(
    exporter: RunningSandbox,
) -> None:
    assert falcoport("setup", *BOTH).exit_code == 0
    assert "every alert will be related to cluster stage" in (
        falcoport("plan", "--cluster", "stage").stderr
    )


def read_address(file: Path) -> str:
    """Return the URL that a Falcosidekick is handed over in an env file."""
    lines = file.read_text().splitlines()
    [address] = [one for one in lines if one.startswith("WEBHOOK_ADDRESS=")]
    return address.partition("=")[2]


def alert_of(cluster: str, number: int) -> dict[str, Any]:
    """Return an alert that happened in the namespace auth of a cluster, under one host name."""
    alert: dict[str, Any] = json.loads(sample("metadata-not-fetched").line)
    alert["tags"] = [tag for tag in alert["tags"] if not tag.startswith("port-")]
    alert["output_fields"] |= {"k8s.ns.name": "auth", "k8s.pod.name": f"pod-of-{cluster}"}
    alert["time"] = f"2026-11-25T00:00:{number:02}.000000000Z"
    return alert


def wait_for_alerts(api: httpx.Client, number: int) -> list[dict[str, Any]]:
    """Return the catalog's alerts once there are as many."""
    until = time.monotonic() + 60
    while True:
        found: list[dict[str, Any]] = api.get("/blueprints/falco_alert/entities").json()["entities"]
        if len(found) >= number:
            return found
        assert time.monotonic() < until, f"{len(found)} of {number} alerts"


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("copy", 3),
        *(
            pytest.param("real", count, marks=pytest.mark.slow)
            for count in ((5, 50) if REAL else ())
        ),
    ],
)
def test_each_alert_is_related_to_the_namespace_of_its_own_cluster(
    exporter: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, count: int
) -> None:
    monkeypatch.chdir(tmp_path)
    clusters = [f"c{number:02}" for number in range(count)]
    (tmp_path / "falcoport.yaml").write_text(f"clusters: [{', '.join(clusters)}]\n")
    (tmp_path / "urls").mkdir()
    with port_client(exporter) as api, ExitStack() as fleet:
        for cluster in clusters:
            body = {"identifier": f"auth-{cluster}", "title": "auth"}
            api.post("/blueprints/k8s_namespace/entities", json=body).raise_for_status()
        assert falcoport("setup").exit_code == 0
        handed = falcoport("show-url", "--all-clusters", "--format", "env", "-f", "urls")
        assert handed.exit_code == 0, handed.stderr
        for number, cluster in enumerate(clusters):
            [file] = (tmp_path / "urls").glob(f"{cluster}.*")
            environment = {"WEBHOOK_ADDRESS": read_address(file), "HOME": os.environ["HOME"]}
            url = fleet.enter_context(run_sidekick(kind, environment))
            alert = alert_of(cluster, number)
            httpx.post(url, json=alert, trust_env=False).raise_for_status()
        found = wait_for_alerts(api, count)
    related = {
        one["properties"]["output_field"]["k8s.pod.name"]: one["relations"]["namespace"]
        for one in found
    }
    assert related == {f"pod-of-{cluster}": f"auth-{cluster}" for cluster in clusters}
