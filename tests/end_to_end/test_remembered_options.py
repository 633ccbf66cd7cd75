"""What an option wrote is read back from Port: running again without it changes nothing."""

from __future__ import annotations

import itertools
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command_line import falcoport
from support.port_client import port_client

from falcoport.commands.choices import SetupChoices, find_tag_line, recall_choices
from falcoport.commands.goals.setup import build_setup_goal
from falcoport.manifests.loading import load
from falcoport.mapping.namespace_expressions import (
    NO_CLUSTER,
    Clusters,
    read_own_namespace,
    with_own_namespace,
)
from falcoport.mapping.option_expressions import Identifier
from falcoport.reconcile.goal import lay_over
from falcoport.resources.interface import NOTHING
from falcoport.sandbox.options import Catalog, SandboxOptions
from falcoport.sandbox.server import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from falcoport.json_types import Json

MANIFESTS = load()
TAGGED = find_tag_line(MANIFESTS)
NAMES = st.from_regex(r"[A-Za-z0-9@_.+:=-]{1,30}", fullmatch=True)
CLUSTERS = st.one_of(
    st.just(NO_CLUSTER),
    NAMES.map(lambda name: Clusters((name,))),
    st.just(Clusters(from_url=True)),
)


@given(clusters=CLUSTERS, many=st.booleans())
def test_a_cluster_that_was_written_is_read_back(clusters: Clusters, many: bool) -> None:
    assert TAGGED is not None
    text = with_own_namespace(TAGGED, clusters, many=many)
    assert read_own_namespace(text, TAGGED, many=many) == clusters


@given(clusters=CLUSTERS, cut=st.integers(0, 200))
def test_what_no_option_writes_is_no_choice(clusters: Clusters, cut: int) -> None:
    assert TAGGED is not None
    text = with_own_namespace(TAGGED, clusters)
    broken = text[:cut] + "1" + text[cut:]
    assert read_own_namespace(broken, TAGGED) is None


@given(
    clusters=CLUSTERS,
    identifier=st.sampled_from([None, *Identifier]),
    ensure=st.booleans(),
    workload=st.booleans(),
)
def test_choices_survive_being_written_and_read_back(
    clusters: Clusters, identifier: Identifier | None, ensure: bool, workload: bool
) -> None:
    chosen = SetupChoices(
        identifier=identifier,
        clusters=clusters,
        ensure_namespaces=ensure,
        workload=workload and clusters.jq is not None,
    )
    catalog = lay_over(build_setup_goal(MANIFESTS, chosen), NOTHING).planned
    again = build_setup_goal(MANIFESTS, SetupChoices(), catalog)
    assert lay_over(again, catalog).planned == catalog
    recalled = recall_choices(MANIFESTS, catalog)
    assert (recalled.clusters or NO_CLUSTER) == clusters
    assert bool(recalled.ensure_namespaces) == ensure
    assert recalled.identifier == (None if identifier is Identifier.HOSTNAME_TIME else identifier)


# --- against the sandbox ----------------------------------------------------------------------

OPTIONS = {
    "--cluster": ("--cluster", "prod"),
    "--ensure-namespaces": ("--ensure-namespaces",),
    "--identifier": ("--identifier", "uuid"),
}


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """Run a sandbox with the blueprints of today's exporter."""
    with running_sandbox(SandboxOptions(port=0, catalog=Catalog.EXPORTER)) as running:
        monkeypatch.setenv("PORT_API_URL", running.url)
        monkeypatch.setenv("PORT_CLIENT_ID", running.client_id)
        monkeypatch.setenv("PORT_CLIENT_SECRET", running.client_secret)
        with closing(port_client(running)) as client:
            yield client


def mappings(api: httpx.Client) -> list[Json]:
    found: list[Json] = api.get("/webhooks/falco_alert_mapper").json()["integration"]["mappings"]
    return found


def unchanged(*arguments: str) -> bool:
    ran = falcoport("plan", "--exit-code", *arguments)
    return ran.exit_code == 0


@pytest.mark.parametrize("order", list(itertools.permutations(OPTIONS)))
def test_options_given_one_by_one_add_up(order: tuple[str, ...], exporter: httpx.Client) -> None:
    for option in order:
        assert falcoport("setup", *OPTIONS[option]).exit_code == 0
        assert unchanged()
        assert unchanged(*OPTIONS[option])
    assert [mapping["blueprint"] for mapping in mappings(exporter)] == [
        "k8s_namespace",
        "falco_alert",
    ]
    entity = mappings(exporter)[1]["entity"]
    assert entity["identifier"] == ".body.uuid"
    assert '"-prod"' in entity["relations"]["namespace"]
    assert falcoport("status").exit_code == 0


def test_each_option_has_a_word_that_turns_it_off(exporter: httpx.Client) -> None:
    assert falcoport("setup").exit_code == 0
    before = mappings(exporter)
    on = ("--cluster", "prod", "--ensure-namespaces", "--workload", "--identifier", "uuid")
    assert falcoport("setup", *on).exit_code == 0
    blueprint = exporter.get("/blueprints/falco_alert").json()["blueprint"]
    assert blueprint["relations"].keys() == {"namespace", "workload"}
    off = ("--no-workload", "--no-ensure-namespaces", "--no-cluster")
    ran = falcoport("setup", *off, "--identifier", "hostname-time")
    assert ran.exit_code == 0, ran.stderr
    assert mappings(exporter) == before
    blueprint = exporter.get("/blueprints/falco_alert").json()["blueprint"]
    assert blueprint["relations"].keys() == {"namespace"}


def test_adding_the_relation_that_is_there_leaves_its_options(exporter: httpx.Client) -> None:
    options = ("--cluster", "prod", "--ensure-namespaces", "--workload")
    assert falcoport("setup", *options).exit_code == 0
    before = mappings(exporter)
    assert falcoport("add-relation").exit_code == 0
    assert mappings(exporter) == before


def test_another_cluster_replaces_what_the_first_one_wrote(exporter: httpx.Client) -> None:
    assert falcoport("setup", "--cluster", "a", "--ensure-namespaces").exit_code == 0
    assert falcoport("setup", "--cluster", "b").exit_code == 0
    assert len(mappings(exporter)) == 2
    assert '"-b"' in mappings(exporter)[0]["entity"]["identifier"]


@pytest.mark.usefixtures("exporter")
def test_a_relation_left_out_stays_out_until_it_is_added() -> None:
    assert falcoport("setup", "--no-relation").exit_code == 0
    assert unchanged()
    assert falcoport("add-relation").exit_code == 0
    assert unchanged()


def test_an_expression_that_no_option_writes_is_drift(exporter: httpx.Client) -> None:
    assert falcoport("setup", "--cluster", "prod").exit_code == 0
    changed = mappings(exporter)
    changed[0]["entity"]["relations"]["namespace"] = ".body.source"
    path = "/webhooks/falco_alert_mapper"
    exporter.patch(path, json={"mappings": changed}).raise_for_status()
    assert not unchanged()
    assert falcoport("setup", "--cluster", "prod").exit_code == 0
    assert unchanged()


# --- which blueprint of namespaces ------------------------------------------------------------


def make_blueprint(api: httpx.Client, identifier: str, *, entity: bool = False) -> None:
    body = {"identifier": identifier, "title": identifier, "schema": {"properties": {}}}
    api.post("/blueprints", json=body).raise_for_status()
    if entity:
        path = f"/blueprints/{identifier}/entities"
        api.post(path, json={"identifier": "shop-prod"}).raise_for_status()


def target(api: httpx.Client) -> str:
    blueprint = api.get("/blueprints/falco_alert").json()["blueprint"]
    return str(blueprint["relations"]["namespace"]["target"])


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"k8s_namespace": False}, "k8s_namespace"),
        ({"namespace": False}, "namespace"),
        ({"k8s_namespace": False, "namespace": False}, "k8s_namespace"),
        ({"k8s_namespace": False, "namespace": True}, "namespace"),
        ({"k8s_namespace": True, "namespace": False}, "k8s_namespace"),
    ],
)
@pytest.mark.usefixtures("pointed")
def test_alerts_are_related_to_the_blueprint_that_is_in_use(
    there: dict[str, bool], chosen: str, api: httpx.Client
) -> None:
    for identifier, entity in there.items():
        make_blueprint(api, identifier, entity=entity)
    assert falcoport("setup").exit_code == 0
    assert target(api) == chosen
    assert unchanged()
    # What is in Port counts, whatever else appears.
    for identifier in {"k8s_namespace", "namespace"} - set(there):
        make_blueprint(api, identifier, entity=True)
    assert unchanged()
    assert falcoport("status").exit_code == 0


@pytest.mark.usefixtures("pointed")
def test_two_blueprints_in_use_must_be_told_apart_by_name(api: httpx.Client) -> None:
    for identifier in ("k8s_namespace", "namespace"):
        make_blueprint(api, identifier, entity=True)
    for command in ("setup", "plan", "status"):
        ran = falcoport(command)
        assert ran.exit_code == 4, command
        assert "--namespace-blueprint" in ran.stderr
    assert falcoport("setup", "--namespace-blueprint", "namespace").exit_code == 0
    assert target(api) == "namespace"
    assert unchanged()


@pytest.mark.parametrize(
    ("cluster", "made"), [("k8s_cluster", "k8s_namespace"), ("cluster", "namespace")]
)
@pytest.mark.usefixtures("pointed")
def test_the_missing_blueprint_is_made_to_fit_the_clusters(
    cluster: str, made: str, api: httpx.Client
) -> None:
    make_blueprint(api, cluster)
    ran = falcoport("setup")
    assert ran.exit_code == 4
    assert f"Port has {cluster!r}" in ran.stderr
    assert "Install" not in ran.stderr
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    assert target(api) == made
    assert unchanged()
