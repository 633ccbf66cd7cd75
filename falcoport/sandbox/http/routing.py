"""What a call to the API is, what answers it, and how a resource declares its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.storage.audit import Actor
from falcoport.sandbox.storage.tokens import Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from falcoport.sandbox.schemas import Schema
    from falcoport.sandbox.state import State

Document = dict[str, Any]

ANONYMOUS = Caller("", is_admin=False)


@dataclass(frozen=True)
class Call:
    """One request, authenticated and checked: `path` has the decoded path parameters."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    listed: Mapping[str, tuple[str, ...]]
    body: Any
    caller: Caller
    agent: str

    @property
    def actor(self) -> Actor:
        """Who makes the change that is asked for."""
        return Actor(self.caller.client_id, datasource=self.agent)


@dataclass(frozen=True)
class Answer:
    """What a call is answered: a JSON body, or one list in it that is sent as it is read.

    With `entities`, its elements are the pages of a list under that name, and `body` is read
    behind the last one. A `trial` is undone: the answer is all that there is of it.
    """

    status: int = 200
    body: Document = field(default_factory=dict)
    entities: AsyncIterator[list[Document]] | None = None
    trial: bool = False


if TYPE_CHECKING:
    Handler = Callable[[State, Call], Answer | Awaitable[Answer]]
    Register = Callable[[Handler], Handler]


@dataclass(frozen=True)
class Endpoint:
    """One method of one path.

    `schema` checks the body, None if there is none. `needs_admin` refuses a member. A `writes`
    endpoint runs inside a transaction.
    """

    method: str
    path: str
    run: Handler
    schema: Schema | None = None
    is_public: bool = False
    needs_admin: bool = False
    writes: bool = False


class Router:
    """The calls of one resource, collected by decorators on the functions that answer them."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []

    def read(
        self, method: str, path: str, schema: Schema | None = None, *, needs_admin: bool = False
    ) -> Register:
        """Declare a call that changes nothing."""
        return self._register(method, path, schema, needs_admin=needs_admin)

    def write(
        self, method: str, path: str, schema: Schema | None = None, *, needs_admin: bool = False
    ) -> Register:
        """Declare a call that runs inside a transaction."""
        return self._register(method, path, schema, needs_admin=needs_admin, writes=True)

    def public(self, method: str, path: str, schema: Schema | None = None) -> Register:
        """Declare a call that needs no token."""
        return self._register(method, path, schema, is_public=True)

    def _register(self, method: str, path: str, schema: Schema | None, **how: bool) -> Register:
        def register(run: Handler) -> Handler:
            self.endpoints.append(Endpoint(method, path, run, schema, **how))
            return run

        return register


def ok(status: int = 200, /, **members: Any) -> Answer:
    """Return an answer in Port's envelope."""
    return Answer(status, {"ok": True, **members})
