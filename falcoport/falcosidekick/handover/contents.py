"""What Falcosidekick needs to know to reach Port, checked once for all formats.

Its traps are those of Falcosidekick 2.34.1 (`config.go`, `outputs/webhook.go`). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.errors import InputError, UsageError
from falcoport.falco.priorities import PRIORITIES
from falcoport.falcosidekick.handover import kubernetes
from falcoport.urls import find_url_problem

if TYPE_CHECKING:
    from falcoport.falcosidekick.header import Header

IMAGE = "falcosecurity/falcosidekick:2.34.1"
LISTEN = "127.0.0.1:2801:2801"
"""Published on loopback only: Falcosidekick's own input asks for no credentials."""

NAMESPACE = "falco"
SECRET_NAME = "falcosidekick-webhook"  # noqa: S105 - the name of a Kubernetes object

MAX_CONCURRENT = 20
"""How many alerts are on their way at once, unless said otherwise.

Falcosidekick's own default of 1 means about seven alerts a second where Port answers in 150 ms, and
the rest waits in its memory; without a limit (0) a burst opens a connection per alert, and those
that fail are lost.
"""

MINIMUM_PRIORITIES = tuple(name.lower() for name in PRIORITIES)
"""What `minimumpriority` may be; unlike Falco, Falcosidekick does not know `info`."""

_SHORT_PRIORITIES = {
    "emerg": "emergency",
    "panic": "emergency",
    "crit": "critical",
    "err": "error",
    "warn": "warning",
    "info": "informational",
}

MAX_CONCURRENCY = 65535
"""Falcosidekick keeps the number in 16 bits (`types.go`)."""

_TAG_MARKS = frozenset("@_.+:/=-")


Pairs = tuple[tuple[str, str], ...]
"""Labels or annotations of a Kubernetes object."""


@dataclass(frozen=True)
class SecretStore:
    """Where the External Secrets operator reads: a store of the cluster, and a key in it.

    `kind` is SecretStore or ClusterSecretStore.
    """

    name: str
    kind: str = "ClusterSecretStore"
    key: str = SECRET_NAME


@dataclass(frozen=True)
class QueueAddress:
    """The queue that Falcosidekick publishes to, where a relay reads.

    `servers` are host:port pairs, `name` the NATS subject that the relay listens to, wildcards
    included, or the Kafka topic.
    """

    scheme: str
    servers: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Handover:
    """Everything that Falcosidekick needs, and how the objects that carry it are named.

    `url` is the webhook's and a credential itself. `header` is the one that the webhook asks for,
    None where it is open; `secret_file` is where a command line reads its value, the environment if
    None. `minimum_priority` is one of MINIMUM_PRIORITIES in any case: alerts below it are not sent.
    `custom_tags` are added to every alert. `max_concurrent` is how many alerts are sent at once,
    MAX_CONCURRENT if None. `namespace` is the Kubernetes namespace that Falcosidekick runs in.
    `existing_secret` is a Secret that holds URL and header, for values that only refer to it.
    `secret_name`, `labels` and `annotations` are those of the objects written; `store` is where the
    External Secrets operator finds them. `queue` is where a relay reads.

    Raise UsageError for a value that Falcosidekick or Kubernetes would misread in whatever
    format, InputError for such a URL: that one is Port's.
    """

    url: str = field(repr=False)
    header: Header | None = None
    minimum_priority: str | None = None
    custom_tags: tuple[str, ...] = ()
    namespace: str = NAMESPACE
    max_concurrent: int | None = None
    secret_file: str | None = None
    existing_secret: str | None = None
    secret_name: str = SECRET_NAME
    labels: Pairs = ()
    annotations: Pairs = ()
    store: SecretStore | None = None
    queue: QueueAddress | None = None

    def __post_init__(self) -> None:
        _check_url(self.url)
        if self.minimum_priority is not None:
            _check_priority(self.minimum_priority)
        for tag in self.custom_tags:
            _check_tag(tag)
        _check_concurrency(self.max_concurrent)
        kubernetes.check_namespace(self.namespace)
        names = (self.secret_name, self.existing_secret, self.store.name if self.store else None)
        for name in names:
            if name is not None:
                kubernetes.check_object_name(name)
        kubernetes.check_labels(self.labels)
        kubernetes.check_annotations(self.annotations)

    @property
    def webhook_environment(self) -> dict[str, str]:
        """The variables of Falcosidekick's webhook output."""
        variables = {"WEBHOOK_ADDRESS": self.url}
        if self.header is not None:
            variables["WEBHOOK_CUSTOMHEADERS"] = self.header.joined
        if self.minimum_priority is not None:
            variables["WEBHOOK_MINIMUMPRIORITY"] = self.minimum_priority.lower()
        variables["WEBHOOK_MAXCONCURRENTREQUESTS"] = str(self.concurrency)
        return variables

    @property
    def concurrency(self) -> int:
        """How many alerts Falcosidekick may send at once."""
        return MAX_CONCURRENT if self.max_concurrent is None else self.max_concurrent

    @property
    def environment(self) -> dict[str, str]:
        """All variables, those that concern every output of Falcosidekick included."""
        variables = self.webhook_environment
        if self.custom_tags:
            variables["CUSTOMTAGS"] = ",".join(self.custom_tags)
        return variables


def _check_url(url: str) -> None:
    problem = find_url_problem(url)
    if problem:
        raise InputError(f"The webhook URL cannot be used: {problem}.", code="bad_url")


def _check_concurrency(number: int | None) -> None:
    if number is None or 1 <= number <= MAX_CONCURRENCY:
        return
    raise UsageError(
        f"{number} is not a number of alerts that Falcosidekick can send at once.",
        hint=f"From 1 to {MAX_CONCURRENCY}. Falcosidekick takes 0 as no limit, and then loses "
        "alerts in a burst.",
        code="bad_concurrency",
    )


def _check_priority(priority: str) -> None:
    if priority.lower() in MINIMUM_PRIORITIES:
        return
    meant = _SHORT_PRIORITIES.get(priority.lower())
    raise UsageError(
        f"{priority!r} is not a priority of Falcosidekick, which would send every alert.",
        hint=f"Did you mean {meant}?" if meant else f"One of {', '.join(MINIMUM_PRIORITIES)}.",
        code="bad_priority",
    )


def _check_tag(tag: str) -> None:
    if tag and all(character.isalnum() or character in _TAG_MARKS for character in tag):
        return
    raise UsageError(
        f"{tag!r} cannot be a custom tag: Falcosidekick splits tags on commas and removes spaces, "
        "and other marks do not reach it alike from every format.",
        hint="Letters, digits and @ _ . + : / = - are fine.",
        code="bad_tag",
    )
