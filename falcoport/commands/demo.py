"""Play the whole of it against a new sandbox: the exporter's part, a set-up, three alerts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falcoport.commands.catalog_model import NEWER
from falcoport.commands.choices import SetupChoices
from falcoport.commands.setup import SetupRequest, setup
from falcoport.delivery.arrival import wait_for
from falcoport.delivery.send import Delivery
from falcoport.errors import Problem
from falcoport.falco.samples import sample
from falcoport.falcosidekick.forward import HEADERS, forwarded
from falcoport.manifests.loading import load
from falcoport.mapping.evaluator_process import LimitedEvaluator
from falcoport.mapping.event import build_event_text
from falcoport.mapping.namespace_expressions import Clusters
from falcoport.settings import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from falcoport.commands.context import Context
    from falcoport.delivery.arrival import Arrival
    from falcoport.falco.samples import Sample
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.port.api import PortApi
    from falcoport.reconcile.changes import Change

CLUSTER = "demo"
TAGGED = "auth-namespace"
"""The namespace that a rule's tag names, as Port's guide has it."""
OWN = f"{TAGGED}-{CLUSTER}"
"""The namespace that an alert happens in, as today's Kubernetes exporter names it."""
SAMPLES = {
    "fileless-execution": TAGGED,
    "sensitive-file-on-host": None,
    "exec-into-pod": OWN,
}
"""The samples to post, and the namespace each must be related to, whatever the mapping says."""
_ARRIVAL_TIMEOUT = 10.0


@dataclass(frozen=True)
class PostedSample:
    """A sample that was posted, what the mapping makes of it, and what the catalog has."""

    sample: Sample
    expected: dict[str, Any]
    arrival: Arrival | None

    @property
    def problem(self) -> str:
        """What is wrong with it; empty if it is in the catalog as the mapping says."""
        if self.arrival is None:
            return "did not arrive"
        wanted = SAMPLES[self.sample.name]
        related = (self.arrival.entity.get("relations") or {}).get("namespace")
        if related != wanted:
            return f"is related to {related}, not to {wanted}"
        return "; ".join(self.arrival.differences)


@dataclass(frozen=True)
class DemoResult:
    """What `setup` changed, the webhook's URL, and what became of each sample."""

    changes: tuple[Change, ...]
    url: str = field(repr=False)
    posted: tuple[PostedSample, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the samples that are not in the catalog as the mapping says."""
        return tuple(
            Problem("not_arrived", f"{one.sample.name}: {one.problem}.", one.expected["identifier"])
            for one in self.posted
            if one.problem
        )


def play_demo(context: Context) -> DemoResult:
    """Fill, set up and alert a catalog that has the blueprints of today's Kubernetes exporter."""
    manifests = load()
    choices = SetupChoices(clusters=Clusters.named((CLUSTER,)))
    with context.connect() as api:
        _fill_catalog(api)
        made = setup(SetupRequest(manifests, choices), context)
        mappings = made.webhook["mappings"]
        posted = tuple(_post(api, manifests, mappings, made.url, name) for name in SAMPLES)
    return DemoResult(made.changes, made.url, posted)


def _fill_catalog(api: PortApi) -> None:
    """Create a cluster and two namespaces, as Port's Kubernetes exporter does."""
    api.upsert_entity(NEWER.cluster, {"identifier": CLUSTER, "title": CLUSTER})
    for identifier in (TAGGED, OWN):
        title = identifier.removesuffix(f"-{CLUSTER}")
        labels = {"kubernetes.io/metadata.name": title}
        api.upsert_entity(
            NEWER.namespace,
            {
                "identifier": identifier,
                "title": title,
                "properties": {"creationTimestamp": "2026-01-05T08:00:00Z", "labels": labels},
                "relations": {"Cluster": CLUSTER},
            },
        )


def _post(
    api: PortApi, manifests: Manifests, mappings: list[Json], url: str, name: str
) -> PostedSample:
    """Post one sample as Falcosidekick does and wait for its entity."""
    chosen = sample(name)
    body = forwarded(chosen.line, custom_tags=chosen.custom_tags)
    event = build_event_text(body.decode(), HEADERS)
    with LimitedEvaluator(mappings) as evaluator:
        [outcome] = evaluator.evaluate(event)
    assert outcome.entity is not None  # the samples' own tests hold this
    Delivery(url, HEADERS, DEFAULT_TIMEOUT).post(body)
    arrival = wait_for(
        api, manifests.blueprint.identifier, outcome.entity, timeout=_ARRIVAL_TIMEOUT
    )
    return PostedSample(chosen, outcome.entity, arrival)
