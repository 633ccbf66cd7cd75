"""Port's API: one module per resource, each with its routes and what they do.

Every module in this package has a `router`; `load_routers` finds it, so that a new resource is a
new file and nothing else.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcoport.sandbox.http.routing import Router


def load_routers() -> Iterator[Router]:
    """Yield the router of each resource."""
    for module in iter_modules(__path__):
        router: Router = import_module(f"{__name__}.{module.name}").router
        yield router
