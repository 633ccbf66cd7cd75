"""What stands in the way of deleting something: what others built upon it, named. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from falcoport.reconcile.goal import Outcome
    from falcoport.resources.interface import Catalog, Key, Resource


def find_dependents(
    deleted: Sequence[Resource], catalog: Catalog, outcome: Outcome
) -> list[Problem]:
    """Name everything of others that would break or vanish with what is to be deleted.

    What the same plan deletes or frees from a reference does not count. `catalog.neighbours` is
    everything that could depend on it, by kind.
    """
    problems: list[Problem] = []
    for resource in deleted:
        live = catalog.get(resource.key)
        assert live is not None  # it is to be deleted
        fragments = outcome.detached.get(resource.key, ())
        clauses = list(resource.find_additions(live, fragments))
        for kind, bodies in catalog.neighbours.items():
            clauses.extend(_references(kind, bodies, resource.key, outcome))
        problems.extend(_find_depended_on(resource, clause) for clause in clauses)
    return problems


def _references(
    kind: type[Resource], bodies: Sequence[dict[str, object]], to: Key, outcome: Outcome
) -> Iterator[str]:
    for body in bodies:
        key = kind.key_of(body)
        # What this plan changes counts as it will be; what it deletes does not count.
        after = outcome.planned.get(key) if key in outcome.planned.found else body
        if after is not None and key != to:
            yield from kind.find_references(after, to)


def _find_depended_on(resource: Resource, clause: str) -> Problem:
    return Problem(
        "depended_on",
        f"{clause[0].upper()}{clause[1:]}; nothing was removed.",
        str(resource.key),
        resource.keep_hint,
    )
