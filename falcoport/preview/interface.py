"""How a preview turns an alert's text into outcomes: two steps, of which there are two versions.

`plain` is short and right; `fast` gives the same results several times faster. `engine` chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from falcoport.json_types import Json
    from falcoport.mapping.outcomes import Outcome


class NotAnAlertError(ValueError):
    """The JSON text is no alert that can be mapped; the message says why."""


@dataclass(frozen=True)
class Pipeline:
    """The two steps of mapping alerts.

    `read` returns the body that Port gets for an alert's JSON text, as Falco prints or as
    Falcosidekick sends it, with numbers as Port stores them; raise NotAnAlertError.
    `evaluate` returns for each body what each mapping makes of it; raise EventError if libjq
    cannot read one of them.
    """

    read: Callable[[str], Json]
    evaluate: Callable[[Sequence[Json]], list[list[Outcome]]]
