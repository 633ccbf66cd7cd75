"""What falcoport must know of a kind of thing in Port, and nothing else.

A *kind* (blueprint, webhook, …) is one file with one class below `Resource`; an instance of it
says what one thing of that kind must be. A *fragment* (a relation in somebody's blueprint) lives
inside a resource that may belong to somebody else: it is merged into its owner's body, taken out
of it, and shown as a thing of its own.

`reconcile/` reads, plans, writes and verifies through these classes alone; a new kind is a new
file here, its line in `registry.py`, its YAML and the schema of that YAML. Everything but the
methods that take a `PortApi` is pure.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from falcoport.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from falcoport.json_types import Json
    from falcoport.port.api import PortApi
    from falcoport.resources.merging import FieldChange


@dataclass(frozen=True, order=True)
class Key:
    """What names one thing in Port: kind, identifier and, for a part, what it is part of."""

    kind: str
    identifier: str
    parent: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.identifier}"


@dataclass(frozen=True)
class Catalog:
    """What Port has, as far as it was read.

    `found` holds a body for each key that was read, None where Port has nothing. `neighbours`
    holds, by kind, everything in Port that could depend on what is to be deleted; it is read only
    where something is to be deleted.
    """

    found: Mapping[Key, Json | None]
    neighbours: Mapping[type[Resource], tuple[Json, ...]] = field(default_factory=dict)

    def get(self, key: Key) -> Json | None:
        """Return what Port has under a key; None if nothing, or if it was not asked."""
        return self.found.get(key)

    def with_answer(self, key: Key, answer: Json | None) -> Catalog:
        """Return the catalog after a write that Port answered with `answer`."""
        return Catalog({**self.found, key: answer}, self.neighbours)


NOTHING = Catalog({})
"""A catalog that is empty, or of which nothing was read."""


class Health(StrEnum):
    """How one part of a set-up is, as `status` says it."""

    OK = "ok"
    MISSING = "missing"
    DRIFTED = "drifted"
    DISABLED = "disabled"


@dataclass(frozen=True)
class PartStatus:
    """One line of `status`: what it is, its identifier, how it is, and what to know about it."""

    name: str
    identifier: str
    state: Health
    detail: str = ""


class Part(ABC):
    """Anything that is planned and shown by itself: a resource, or a fragment of one."""

    kind: ClassVar[str]
    """The field's word for it, which people and scripts read."""

    @property
    @abstractmethod
    def key(self) -> Key:
        """What names it in Port."""

    @property
    def needs(self) -> tuple[Key, ...]:
        """What must be in Port before it can be written; refused where it is missing."""
        return ()

    @property
    def follows(self) -> tuple[Key, ...]:
        """What is written before it, and deleted after it, where both are in one plan."""
        return ()

    def explain_missing(self, need: Key) -> Problem:
        """Return what is wrong where Port lacks something that this one needs."""
        return Problem(
            "missing_target",
            f"The {self.key} needs the {need}, which Port does not have.",
            str(self.key),
            f"Create the {need} in Port first.",
        )

    def find_conflicts(self, live: Json | None) -> Iterable[Problem]:  # noqa: ARG002 -- for kinds
        """List what forbids writing it; `live` is it, or its owner, as Port has it."""
        return ()

    def check_result(self, planned: Catalog) -> Iterable[Problem]:  # noqa: ARG002 -- for kinds
        """List what would be wrong with it beside everything else as it will be."""
        return ()

    def describe_status(
        self, live: Json | None, fields: Sequence[FieldChange]
    ) -> Sequence[PartStatus]:
        """Return its lines in `status`. `live` is it as Port has it, `fields` what differs."""
        return (make_status(self.key, live, [changed.field for changed in fields]),)


class Resource(Part):
    """A thing in Port that is read and written by requests of its own."""

    hidden_fields: ClassVar[frozenset[str]] = frozenset()
    """Paths of what Port never gives back, such as `security.secret`: reading cannot tell whether
    they are as they should be."""
    keep_hint: ClassVar[str] = "Remove it in Port first."
    """What to do where others depend on it, so that it cannot be deleted."""
    create_only: bool = False
    """Whether a live one is left alone, whatever it is."""
    partial: bool = False
    """Whether only a part of it is named, so that it must be in Port already."""

    @classmethod
    @abstractmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """Return what Port has under a key, or None."""

    @classmethod
    @abstractmethod
    def list_all(cls, api: PortApi) -> list[Json]:
        """Return everything of this kind in Port."""

    @classmethod
    def key_of(cls, body: Json) -> Key:
        """Return the key of something that `list_all` gave."""
        return Key(cls.kind, str(body.get("identifier")))

    @classmethod
    @abstractmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json | None:
        """Create it with one request; return it as Port then has it. Raise as `PortApi.write`."""

    @classmethod
    @abstractmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json | None:
        """Change the top-level keys of `body`, each whole, with one request; return it whole."""

    @classmethod
    def replace(cls, api: PortApi, key: Key, body: Json) -> Json | None:
        """Put `body`, the whole resource, in its place; what it lacks goes.

        Needed where Port merges the maps of an update, so that nothing can be taken out of them.
        """
        return cls.update(api, key, body)

    @classmethod
    @abstractmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """Delete it, and wait until it is gone."""

    @classmethod
    def find_references(cls, body: Json, to: Key) -> Iterator[str]:  # noqa: ARG003 -- for kinds
        """Say what in `body`, something of this kind, would break without `to`.

        Each is a clause with its subject, such as `relation 'x' of blueprint 'y' points to it`.
        """
        return iter(())

    @abstractmethod
    def merge(self, live: Json | None) -> Json:
        """Return what it becomes: what is named laid over what is live, which is not changed."""

    def remove_own(self, live: Json) -> Json | None:  # noqa: ARG002 -- for kinds
        """Return what is left once everything of ours is taken away; None if nothing is."""
        return None

    def describe_rest(self, rest: Json) -> str:  # noqa: ARG002 -- for kinds
        """Say what of others stays where `remove_own` left something."""
        return ""

    def find_additions(self, live: Json, own: Iterable[Fragment]) -> Iterator[str]:  # noqa: ARG002
        """Say what others added to it, which would be lost with it; `own` are our fragments."""
        return iter(())

    def without_hidden(self) -> Resource:
        """Return it without what Port does not give back, once that was written."""
        return self


class Fragment(Part):
    """A part of a resource that may belong to somebody else."""

    @property
    @abstractmethod
    def owner(self) -> Key:
        """The resource that it is a part of."""

    @abstractmethod
    def attach(self, body: Json) -> Json:
        """Return the owner's body with this fragment laid over it; `body` is not changed."""

    @abstractmethod
    def extract(self, body: Json) -> Json | None:
        """Return the fragment as it stands in the owner's body; None if it does not."""

    @abstractmethod
    def detach(self, body: Json) -> Json:
        """Return the owner's body without the fragment; `body` is not changed."""


def make_status(key: Key, live: Json | None, fields: Sequence[str], detail: str = "") -> PartStatus:
    """Return how something is, by whether it is there and which of its fields differ."""
    if live is None:
        return PartStatus(key.kind, key.identifier, Health.MISSING, detail)
    if fields:
        return PartStatus(key.kind, key.identifier, Health.DRIFTED, ", ".join(fields))
    return PartStatus(key.kind, key.identifier, Health.OK, detail)
