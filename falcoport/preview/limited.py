"""Bodies evaluated within limits, by several threads at once, for those who need no preview."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from falcoport.falcosidekick.forward import HEADERS
from falcoport.mapping.evaluator_process import (
    are_bounded,
    check_regular_expressions,
    explain_limit,
    list_messages,
)
from falcoport.mapping.event import build_event_text
from falcoport.mapping.limited_process import LimitedProcess, LimitReachedError
from falcoport.preview.engine import build_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from falcoport.json_types import Json
    from falcoport.mapping.limited_process import Handler, Watch
    from falcoport.mapping.outcomes import Outcome
    from falcoport.preview.engine import MapperOptions


@contextmanager
def open_evaluation(
    options: MapperOptions,
) -> Iterator[Callable[[Sequence[Json]], list[list[Outcome]]]]:
    """Give a function that returns for each body what each mapping makes of it.

    It raise EventError if libjq cannot read one of them, and MappingLimitError where the bodies
    take more together than one may.
    """
    if are_bounded(options.mappings, options.trusted):
        yield build_pipeline(options).evaluate
        return
    lock = threading.Lock()
    with LimitedProcess(partial(_build_handler, options), options.limits) as process:

        def evaluate(bodies: Sequence[Json]) -> list[list[Outcome]]:
            with lock:
                try:
                    outcomes: list[list[Outcome]] = process.ask(list(bodies))
                except LimitReachedError as error:
                    events = [build_event_text(json.dumps(body), HEADERS) for body in bodies]
                    raise explain_limit(
                        options.mappings, events, options.limits, error.reason
                    ) from None
            return outcomes

        yield evaluate


def _build_handler(options: MapperOptions) -> Handler:
    evaluate = build_pipeline(options).evaluate

    def handle(bodies: Sequence[Json], _watch: Watch) -> list[list[Outcome]]:
        found = evaluate(bodies)
        check_regular_expressions(list_messages(chain.from_iterable(found)))
        return found

    return handle
