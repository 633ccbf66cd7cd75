"""Reading from Port everything that a plan needs, all at the same time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from falcoport.port.concurrency import run_concurrently
from falcoport.resources.interface import Catalog
from falcoport.resources.registry import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from falcoport.port.api import PortApi
    from falcoport.resources.interface import Key, Resource


def read_catalog(
    api: PortApi,
    keys: Iterable[Key],
    *,
    kinds: Mapping[str, type[Resource]] = KINDS,
    neighbours: bool = False,
) -> Catalog:
    """Return what Port has under some keys, with `neighbours` everything else of every kind too.

    Raise AccessError or PortError.
    """
    wanted = tuple(dict.fromkeys(keys))
    listed = tuple(kinds.values()) if neighbours else ()
    api.authenticate()
    found = run_concurrently(
        [
            *(partial(kinds[key.kind].read, api, key) for key in wanted),
            *(partial(kind.list_all, api) for kind in listed),
        ]
    )
    bodies, lists = found[: len(wanted)], found[len(wanted) :]
    return Catalog(
        dict(zip(wanted, bodies, strict=True)),
        {kind: tuple(one) for kind, one in zip(listed, lists, strict=True)},
    )
