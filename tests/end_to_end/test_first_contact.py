"""Whatever catalog falcoport meets: every command, twice, changes nothing the second time.

And the relation points to the blueprint that the Kubernetes exporter of that catalog fills.
"""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from support.catalogs import state_of
from support.command_line import falcoport
from support.port_client import port_client

from falcoport.manifests.loading import load
from falcoport.sandbox.catalogs import blueprints_of
from falcoport.sandbox.options import Catalog
from falcoport.sandbox.server import SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

OPTIONS = (("--cluster", "prod"), ("--ensure-namespaces",), ("--identifier", "uuid"))
WORKLOAD = ("--workload",)
# How long an expression may take is not what this is about, and the machine may be busy.
PATIENT = ("--jq-timeout", "60")
COMMANDS = (
    ("setup", *PATIENT),
    ("plan", "--exit-code", *PATIENT),
    ("status",),
    ("add-relation",),
    ("show-url", "--format", "helm"),
    ("export",),
    ("export", "--format", "json"),
    ("preview", *PATIENT),
    ("preview", "--live", *PATIENT),
    ("tag-rules", "A rule", "--namespace", "shop-prod", "--offline"),
    ("send-test", "--cleanup", *PATIENT),
    ("setup", "--dry-run", *PATIENT),
    ("prune", "--older-than", "1d", "--dry-run"),
    ("teardown", "--dry-run", "--keep-blueprint"),
    ("init", "--force", "-f", "elsewhere.yaml"),
)


@dataclass(frozen=True)
class Met:
    """A catalog: which models it has, which are in use, and what `setup` is told about it."""

    models: tuple[Catalog, ...]
    used: tuple[str, ...]
    target: str
    told: tuple[str, ...] = ()
    by_hand: bool = False


NEWER, OLDER = Catalog.EXPORTER, Catalog.EXPORTER_LEGACY
METS = {
    "today's": Met((NEWER,), (), "k8s_namespace"),
    "today's, in use": Met((NEWER,), ("k8s_namespace",), "k8s_namespace"),
    "older": Met((OLDER,), (), "namespace"),
    "older, in use": Met((OLDER,), ("namespace",), "namespace"),
    "both": Met((NEWER, OLDER), (), "k8s_namespace"),
    "both, the older in use": Met((NEWER, OLDER), ("namespace",), "namespace"),
    "both in use": Met(
        (NEWER, OLDER),
        ("namespace", "k8s_namespace"),
        "namespace",
        ("--namespace-blueprint", "namespace"),
    ),
    "neither": Met((), (), "namespace", ("--create-namespace-blueprint",)),
    "today's, by hand": Met((NEWER,), ("k8s_namespace",), "k8s_namespace", by_hand=True),
    "older, by hand": Met((OLDER,), ("namespace",), "namespace", by_hand=True),
}


def fill(api: httpx.Client, met: Met) -> None:
    """Create what the catalog has before falcoport comes."""
    for model in met.models:
        for body in blueprints_of(model):
            api.post("/blueprints", json=body).raise_for_status()
    for blueprint in met.used:
        body = {"identifier": "shop-prod", "title": "shop"}
        api.post(f"/blueprints/{blueprint}/entities", json=body).raise_for_status()
    if met.by_hand:
        make_by_hand(api, met.target)


def make_by_hand(api: httpx.Client, target: str) -> None:
    """Follow Port's guide by hand, and add a property, a relation and a mapping of one's own."""
    manifests = load()
    body = dict(manifests.blueprint.body)
    schema = dict(body["schema"])
    schema["properties"] = {**schema["properties"], "ticket": {"type": "string", "title": "Ticket"}}
    relations = {"namespace": {**body["relations"]["namespace"], "target": target}}
    api.post("/blueprints", json={**body, "schema": schema, "relations": relations})
    webhook = dict(manifests.webhook.body)
    own = {
        "blueprint": target,
        "filter": "false",
        "entity": {"identifier": ".body.uuid", "title": ".body.rule"},
    }
    webhook["mappings"] = [*webhook["mappings"], own]
    api.post("/webhooks", json=webhook).raise_for_status()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("met", METS.values(), ids=METS.keys())
def test_every_command_twice_changes_nothing_the_second_time(
    met: Met, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    order = random.Random(seed)
    with running_sandbox(SandboxOptions(port=0)) as sandbox, closing(port_client(sandbox)) as api:
        monkeypatch.setenv("PORT_API_URL", sandbox.url)
        monkeypatch.setenv("PORT_CLIENT_ID", sandbox.client_id)
        monkeypatch.setenv("PORT_CLIENT_SECRET", sandbox.client_secret)
        fill(api, met)
        # One at a time in any order, those given before staying as they are; then all at once.
        options = [*OPTIONS, *([WORKLOAD] if met.models else [])]
        order.shuffle(options)
        cluster = options.index(("--cluster", "prod"))
        options.insert(0, options.pop(cluster))  # the others need it
        for option in options:
            ran = falcoport("setup", *met.told, *option, *PATIENT)
            assert ran.exit_code == 0, ran.stderr
        order.shuffle(options)
        together = [word for option in options for word in option]
        assert falcoport("plan", "--exit-code", *together, *PATIENT).exit_code == 0
        blueprint = api.get("/blueprints/falco_alert").json()["blueprint"]
        assert blueprint["relations"]["namespace"]["target"] == met.target
        assert ("ticket" in blueprint["schema"]["properties"]) is met.by_hand
        before = state_of(api)
        for command in order.sample(COMMANDS, len(COMMANDS)):
            for _time in (1, 2):
                ran = falcoport(*command)
                assert ran.exit_code == 0, f"{command}\n{ran.stdout}{ran.stderr}"
                assert state_of(api) == before, command
