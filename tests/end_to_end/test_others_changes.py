"""Whatever others add, and wherever: no command takes any of it away.

Somebody adds to everything that there is in Port, ours too. Commands in any order (`setup` with
and without extras, other profiles, `teardown`) then leave each addition as it is, or refuse.
"""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from support.command_line import falcoport
from support.port_client import port_client

from falcoport.sandbox.options import Catalog, SandboxOptions
from falcoport.sandbox.server import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

Json = dict[str, Any]

EXTRAS = ("dashboard", "rollups", "scorecard", "triage", "notify", "retention")
WHOLE = ("--profile", "standard", "--findings", "--cluster", "prod", "--ensure-namespaces",
         "--with", ",".join(EXTRAS), "--notify", "slack", "--retention", "30d")  # fmt: skip
SHARED = ("k8s_namespace", "k8s_workload", "k8s_cluster")
OURS = ("falco_alert", "falco_finding")
COUNTED = {
    "title": "Theirs",
    "type": "number",
    "target": "k8s_cluster",
    "calculationSpec": {"calculationBy": "entities", "func": "count"},
}


@dataclass(frozen=True)
class Addition:
    """Something of others: what it is, how it is made, and how it is read.

    What `is_in_ours` may go together with what is ours.
    """

    name: str
    add: Callable[[], object]
    read: Callable[[], object]
    is_in_ours: bool = False


class Others:
    """Somebody else in Port, who adds to what is there."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api

    def additions(self) -> list[Addition]:
        """Return everything that they may add."""
        found = [one for name in (*SHARED, *OURS) for one in self._in_blueprint(name)]
        return [
            *found,
            *self._in_webhook(),
            *self._in_pages(),
            *self._in_scorecard(),
            *(
                one
                for name in ("falco_notify_slack", "falco_resolve")
                for one in self._in_action(name)
            ),
            *self._of_their_own(),
        ]

    def get(self, path: str, key: str) -> Any:
        answer = self._api.get(path)
        return answer.json()[key] if answer.status_code == 200 else None

    def _patch(self, path: str, body: Json) -> None:
        self._api.patch(path, json=body).raise_for_status()

    def _in_blueprint(self, name: str) -> Iterator[Addition]:
        path = f"/blueprints/{name}"
        members: dict[str, Json] = {
            "relations": {"title": "Theirs", "target": "k8s_cluster", "many": True},
            "calculationProperties": {"title": "Theirs", "type": "string", "calculation": ".title"},
            "aggregationProperties": COUNTED,
        }

        def add(group: str, body: Json) -> None:
            live = self.get(path, "blueprint")
            if group == "schema":
                properties = {**live["schema"]["properties"], "theirs": body}
                self._patch(path, {"schema": {**live["schema"], "properties": properties}})
            else:
                self._patch(path, {group: {**(live.get(group) or {}), "theirs": body}})

        def read(group: str) -> object:
            live = self.get(path, "blueprint") or {}
            found = (
                live.get("schema", {}).get("properties") if group == "schema" else live.get(group)
            )
            one = (found or {}).get("theirs")
            return one and {key: value for key, value in one.items() if value is not None}

        text = {"title": "Theirs", "type": "string"}
        for group, body in {"schema": text, **members}.items():
            yield Addition(
                f"{group} of {name}",
                lambda group=group, body=body: add(group, body),  # type: ignore[misc] # bound now
                lambda group=group: read(group),  # type: ignore[misc] # bound now
            )
        yield self._in_permissions(name)

    def _in_permissions(self, name: str) -> Addition:
        path = f"/blueprints/{name}/permissions"
        block = {"users": [], "roles": ["Admin"], "teams": ["blue"], "ownedByTeam": True}

        def add() -> None:
            blocks = {"$title": block}
            if name in OURS:
                live = self.get(path, "permissions")["entities"]["updateProperties"]
                blocks["status"] = {**live["status"], "teams": ["blue"]}
            self._patch(path, {"entities": {"updateProperties": blocks}})

        def read() -> object:
            found = (self.get(path, "permissions") or {}).get("entities", {})
            blocks = found.get("updateProperties") or {}
            return [(blocks.get(one) or {}).get("teams") for one in ("$title", "status")]

        return Addition(f"permissions of {name}", add, read)

    def _in_webhook(self) -> Iterator[Addition]:
        path = "/webhooks/falco_alert_mapper"

        def read_mappings() -> list[Json]:
            return list((self.get(path, "integration") or {}).get("mappings") or [])

        def add_line() -> None:
            mappings = read_mappings()
            for one in mappings:
                if one["blueprint"] == "falco_alert":
                    one["entity"]["properties"]["theirs"] = ".body.uuid"
            self._patch(path, {"mappings": mappings})

        theirs = {
            "blueprint": "k8s_cluster",
            "filter": "false",
            "entity": {"identifier": ".body.c"},
        }

        def read_line() -> object:
            lines = [one["entity"].get("properties", {}) for one in read_mappings()]
            return [one["theirs"] for one in lines if "theirs" in one]

        yield Addition(
            "mapping of the webhook",
            lambda: self._patch(path, {"mappings": [*read_mappings(), theirs]}),
            lambda: [one for one in read_mappings() if one["entity"]["identifier"] == ".body.c"],
        )
        yield Addition("line of our mapping", add_line, read_line)

    def _in_pages(self) -> Iterator[Addition]:
        page = "/pages/falco_security"
        widget = {"id": "theirs", "type": "markdown", "title": "Theirs", "markdown": "x"}

        def read_widget() -> object:
            found = (self.get(page, "page") or {}).get("widgets") or [{}]
            return [one["markdown"] for one in found[0].get("widgets", ()) if one["id"] == "theirs"]

        yield Addition(
            "widget of the dashboard",
            lambda: self._api.post(
                f"{page}/widgets", json={"widget": widget, "parentWidgetId": "falco"}
            ).raise_for_status(),
            read_widget,
        )

        def choose_columns() -> None:
            widgets = self.get("/pages/falco_alerts", "page")["widgets"]
            chosen = {"shown": ["rule"], "hidden": [], "order": ["rule"]}
            widgets[0]["blueprintConfig"] = {"falco_alert": {"propertiesSettings": chosen}}
            self._patch("/pages/falco_alerts", {"widgets": widgets})

        yield Addition(
            "columns of the table of alerts",
            choose_columns,
            lambda: (self.get("/pages/falco_alerts", "page") or {}).get("widgets"),
        )

    def _in_scorecard(self) -> Iterator[Addition]:
        path = "/blueprints/k8s_namespace/scorecards/runtime_security"
        query = {
            "combinator": "and",
            "conditions": [{"property": "$title", "operator": "isNotEmpty"}],
        }
        rule = {"identifier": "theirs", "title": "Theirs", "level": "Green", "query": query}

        def add() -> None:
            live = self.get(path, "scorecard")
            kept = {key: live[key] for key in ("identifier", "title", "levels", "rules")}
            body = {**kept, "rules": [*kept["rules"], rule], "filter": query}
            self._api.put(path, json=body).raise_for_status()

        def read() -> object:
            live = self.get(path, "scorecard") or {}
            rules = [one["query"] for one in live.get("rules", ()) if one["identifier"] == "theirs"]
            return rules, live.get("filter")

        yield Addition("rule and filter of the scorecard", add, read)

    def _in_action(self, name: str) -> Iterator[Addition]:
        path = f"/actions/{name}"

        def add() -> None:
            live = self.get(path, "action")
            sent = (
                "identifier",
                "title",
                "icon",
                "description",
                "trigger",
                "invocationMethod",
                "publish",
            )
            body = {key: live[key] for key in sent if key in live}
            self._api.put(path, json={**body, "allowAnyoneToViewRuns": False}).raise_for_status()

        yield Addition(
            f"setting of {name}",
            add,
            lambda: (self.get(path, "action") or {}).get("allowAnyoneToViewRuns"),
            is_in_ours=True,
        )

    def _of_their_own(self) -> Iterator[Addition]:
        action = {
            "identifier": "theirs",
            "trigger": {"type": "automation",
                        "event": {"type": "ENTITY_CREATED", "blueprintIdentifier": "k8s_cluster"}},
            "invocationMethod": {"type": "WEBHOOK", "url": "https://theirs.example"},
        }  # fmt: skip
        secret = {"secretName": "THEIRS", "secretValue": "x"}
        page = {"identifier": "theirs", "title": "Theirs", "type": "dashboard", "widgets": []}
        for path, body, one, key in (
            ("/actions", action, "/actions/theirs", "action"),
            ("/organization/secrets", secret, "/organization/secrets/THEIRS", "secret"),
            ("/pages", page, "/pages/theirs", "page"),
        ):
            yield Addition(
                f"{key} of their own",
                lambda path=path, body=body: self._api.post(path, json=body).raise_for_status(),  # type: ignore[misc] # bound now
                lambda one=one, key=key: self.get(one, key),  # type: ignore[misc] # bound now
            )


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """Give a catalog of today's exporter with a set-up that has everything."""
    with running_sandbox(SandboxOptions(port=0, catalog=Catalog.EXPORTER)) as running:
        monkeypatch.setenv("PORT_API_URL", running.url)
        monkeypatch.setenv("PORT_CLIENT_ID", running.client_id)
        monkeypatch.setenv("PORT_CLIENT_SECRET", running.client_secret)
        monkeypatch.setenv("FALCOPORT_NOTIFY_URL", "https://hooks.example/x")
        with closing(port_client(running)) as client:
            yield client


def commands(chance: random.Random) -> Iterator[tuple[str, ...]]:
    """Yield command lines that change much, in any order; the last takes all away."""
    for _ in range(4):
        some = chance.sample(EXTRAS, chance.randint(1, len(EXTRAS)))
        yield ("setup", chance.choice(("--with", "--without")), ",".join(some))
        yield chance.choice(
            [
                ("setup",),
                ("setup", "--profile", "guide"),
                ("setup", "--profile", "standard"),
                ("setup", "--no-findings"),
                ("setup", "--findings"),
                ("setup", "--no-workload"),
                ("setup", "--no-cluster", "--no-ensure-namespaces"),
                ("setup", "--min-priority", "warning"),
            ]
        )
    yield ("teardown", "--yes")


SEEDS = range(1, 9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_of_others_is_lost(api: httpx.Client, seed: int) -> None:
    ran = falcoport("setup", *WHOLE)
    assert ran.exit_code == 0, ran.everything
    chance = random.Random(seed)
    everything = Others(api).additions()
    chosen = everything if seed == 1 else chance.sample(everything, len(everything) // 2)
    for one in chosen:
        one.add()
    before = {one.name: one.read() for one in chosen}
    assert None not in before.values()
    for arguments in commands(chance):
        ran = falcoport(*arguments)
        # What is in the way is named, and nothing is written then.
        assert ran.exit_code in (0, 2, 4), (arguments, ran.everything)
        now = {one.name: one.read() for one in chosen}
        for one in chosen:
            if one.is_in_ours and now[one.name] is None:
                before[one.name] = None
        lost = {name: (before[name], now[name]) for name in before if before[name] != now[name]}
        assert not lost, (arguments, ran.everything)


def test_once_others_took_theirs_away_nothing_of_ours_is_left(api: httpx.Client) -> None:
    others = Others(api)

    def look() -> Json:
        meta = ("updatedAt", "updatedBy")
        found = {}
        for name in SHARED:
            body = others.get(f"/blueprints/{name}", "blueprint")
            kept = {key: value for key, value in body.items() if key not in meta and value != {}}
            found[name] = [kept, others.get(f"/blueprints/{name}/permissions", "permissions")]
        lists = {
            "actions": "/actions",
            "scorecards": "/scorecards",
            "pages": "/pages",
            "secrets": "/organization/secrets",
        }
        for key, path in lists.items():
            all_of = others.get(path, key)
            found[key] = [one.get("identifier") or one.get("secretName") for one in all_of]
        return found

    before = look()
    assert falcoport("setup", *WHOLE).exit_code == 0
    assert look() != before
    ran = falcoport("teardown", "--yes")
    assert ran.exit_code == 0, ran.everything
    assert look() == before
