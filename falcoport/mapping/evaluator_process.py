"""A webhook's mappings evaluated within limits, whoever wrote them.

Expressions that surely end soon run in this process, which costs nothing; the default mapping is
made of those. Others run in a child with a limit on time and memory, and the first one that
reaches it is named.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from falcoport.errors import InputError
from falcoport.mapping.evaluator import Evaluator, evaluate_singly
from falcoport.mapping.expressions import compile_error, expressions
from falcoport.mapping.jq_analysis import is_bounded
from falcoport.mapping.limited_process import LimitedProcess, LimitReachedError, Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from falcoport.mapping.limited_process import Handler, Watch
    from falcoport.mapping.outcomes import Outcome

    Mappings = Sequence[Mapping[str, Any]]

_FEW = 1.5
"""How much of one alert's time all the events of an evaluator may take together."""

_LEAST = 1.0  # seconds; with less, a busy machine would blame what is harmless

_LONG = 4096  # characters; beyond, even compiling an expression may take seconds

_MANY = 300  # expressions; beyond, compiling them as one program takes a second

_GIVEN_UP = "retry-limit-in-match over"
"""What libjq says of a regular expression that backtracked ten million times (Oniguruma's limit).

That takes a quarter of a second, for one alert: such an expression is no better than one that a
limit of ours ends, and Port would store nothing for it.
"""
_REGULAR = "takes more steps in a regular expression than jq allows"


class MappingLimitError(InputError):
    """An expression of a mapping takes too much time or memory for one alert."""

    code = "mapping_limit"


class LimitedEvaluator:
    """The mappings of one webhook, evaluated on a few events within limits; to be closed."""

    def __init__(
        self, mappings: Mappings, limits: Limits | None = None, trusted: Collection[str] = ()
    ) -> None:
        self._mappings = tuple(mappings)
        self._limits = limits or Limits()
        self._evaluator = Evaluator(mappings) if are_bounded(mappings, trusted) else None
        self._spent = 0.0
        self._process = LimitedProcess(partial(_build_handler, self._mappings), self._limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def evaluate(self, event: str) -> list[Outcome]:
        """Return what the mappings make of an event. Raise EventError, MappingLimitError."""
        if self._evaluator is not None:
            return self._evaluator.evaluate(event)
        began = time.monotonic()
        try:
            outcomes: list[Outcome] = self._process.ask(event)
        except LimitReachedError as error:
            raise explain_limit(self._mappings, [event], self._limits, error.reason) from None
        self._spent += time.monotonic() - began
        if self._spent > _FEW * self._limits.seconds:
            reason = f"takes longer than {_FEW * self._limits.seconds:g} s for a few alerts"
            raise explain_limit(self._mappings, [event], self._limits, reason)
        return outcomes

    def close(self) -> None:
        """End the child, if there is one."""
        self._process.close()


def are_bounded(mappings: Mappings, trusted: Collection[str] = ()) -> bool:
    """Tell whether evaluating the mappings surely ends soon, in little memory.

    `trusted` are expressions that are known to, although nobody can tell by looking at them: those
    that ship, whose regular expressions do not backtrack without bound.
    """
    texts = {e.text for mapping in mappings for e in expressions(mapping)}
    if len(texts) > _MANY:
        return False
    return all(is_bounded(text) for text in texts.difference(trusted))


def explain_limit(
    mappings: Mappings, events: Sequence[str], limits: Limits, reason: str, at: str = ""
) -> MappingLimitError:
    """Return the error for mappings that reached a limit on some events: it names the field.

    `reason` is what the mappings as a whole reached, `at` where the events stand. Each expression
    is evaluated alone to find the one that reaches a limit, or else takes the most time.
    """
    # Half the time tells which it is; a command whose mapping never ends is to end soon.
    seconds = max(limits.seconds / 2, min(limits.seconds, _LEAST))
    shorter = replace(limits, seconds=seconds)
    with LimitedProcess(partial(_build_finder, tuple(mappings), shorter), shorter) as process:
        try:
            found = process.ask(list(events))
        except LimitReachedError as error:
            found = error.begun
    place = "mappings" if found is None else f"mappings[{found[0]}].{found[1]}"
    text = _find_text(mappings, place)
    more = "" if reason == _REGULAR else ", or allow it more with --jq-timeout and --jq-memory"
    return MappingLimitError(
        f"{place} {reason}{at}." + (f" The expression is: {text}" if text else ""),
        where=place,
        hint=f"Correct the expression{more}.",
    )


def check_regular_expressions(messages: Iterable[str], begun: Any = None) -> None:
    """Raise LimitReachedError where jq gave up a regular expression, as a failure says."""
    if any(_GIVEN_UP in message for message in messages):
        raise LimitReachedError(_REGULAR, begun)


def find_compile_error(expression: str, limits: Limits | None = None) -> str:
    """Return what jq says against an expression's syntax, empty if it compiles; within limits.

    jq computes products of constants while it compiles, and needs long for what is deeply nested.
    """
    if "*" not in expression and len(expression) <= _LONG:
        return compile_error(expression)
    with LimitedProcess(_build_compiler, limits or Limits()) as process:
        try:
            return str(process.ask(expression))
        except LimitReachedError as error:
            return f"compiling it {error.reason}"


def _find_text(mappings: Mappings, place: str) -> str:
    """Return the expression at a place, shortened; empty if there is none."""
    found = {
        f"mappings[{index}].{expression.field}": expression.text
        for index, mapping in enumerate(mappings)
        for expression in expressions(mapping)
    }
    text = found.get(place, "")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


_SHOWN = 200


def _build_handler(mappings: Mappings) -> Handler:
    evaluator = Evaluator(mappings)

    def handle(event: str, _watch: Watch) -> list[Outcome]:
        outcomes = evaluator.evaluate(event)
        check_regular_expressions(list_messages(outcomes))
        return outcomes

    return handle


def list_messages(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield what jq said of each expression that failed."""
    return (error.message for outcome in outcomes for error in outcome.errors)


def _build_finder(mappings: Mappings, limits: Limits) -> Handler:
    return lambda events, watch: _find_slowest(mappings, events, watch, limits.seconds)


def _find_slowest(
    mappings: Mappings, events: Sequence[str], watch: Watch, seconds: float
) -> tuple[int, str] | None:
    """Return the mapping and field of the expression that takes the most time on the events."""
    spent: dict[tuple[int, str], float] = {}
    began = last = time.monotonic()
    current: tuple[int, str] | None = None

    def switch(following: tuple[int, str] | None) -> None:
        nonlocal current, last
        now = time.monotonic()
        if current is not None:
            spent[current] = spent.get(current, 0.0) + now - last
        current, last = following, now

    for event in events:
        for index, mapping in enumerate(mappings):

            def begin(field: str, index: int = index) -> None:
                switch((index, field))
                watch((index, field))

            evaluate_singly(mapping, event, begin)
            switch(None)
            if time.monotonic() - began > seconds:
                return max(spent, key=spent.__getitem__, default=None)
    return max(spent, key=spent.__getitem__, default=None)


def _build_compiler() -> Handler:
    return lambda expression, _watch: compile_error(expression)
