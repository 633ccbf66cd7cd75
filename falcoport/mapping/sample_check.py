"""A mapping tried on the shipped samples before it is written to Port, which reports no failure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from falcoport.errors import Problem
from falcoport.falco.samples import samples
from falcoport.falcosidekick.forward import HEADERS, forwarded
from falcoport.mapping.evaluator_process import LimitedEvaluator, MappingLimitError
from falcoport.mapping.event import build_event_text
from falcoport.mapping.expressions import expressions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from falcoport.falco.samples import Sample
    from falcoport.mapping.limited_process import Limits
    from falcoport.mapping.outcomes import Outcome

_HINT = (
    "Correct the expression; `falcoport preview` shows what it gives. "
    "--allow-mapping-errors writes it as it is."
)


def mapping_problems(
    mappings: Sequence[dict[str, Any]],
    source: str,
    limits: Limits | None = None,
    trusted: Collection[str] = (),
) -> tuple[Problem, ...]:
    """Return what fails when the mappings are evaluated on the shipped samples.

    That is an expression that jq cannot evaluate, or not within the limits, and an identifier that
    comes out empty: Port would store an empty property, or nothing, without a word. Each is named
    once, with the first sample that shows it; `source` is the file the mappings come from.
    `trusted` is as for `are_bounded`.
    """
    found: dict[tuple[int, str], Problem] = {}
    with LimitedEvaluator(mappings, limits, trusted) as evaluator:
        for sample in samples():
            try:
                outcomes = evaluator.evaluate(_event(sample))
            except MappingLimitError as error:
                # An expression that reached a limit is given up: it would on every sample.
                [problem] = error.problems
                where = f"{source}: {problem.where}"
                return (*found.values(), replace(problem, where=where))
            for outcome in outcomes:
                for problem in _problems(outcome, mappings[outcome.mapping], sample.name, source):
                    found.setdefault((outcome.mapping, problem.where), problem)
    return tuple(found.values())


def _problems(
    outcome: Outcome, mapping: dict[str, Any], sample: str, source: str
) -> Iterator[Problem]:
    texts = {e.field: e.text for e in expressions(mapping)}
    for field, message in _failures(outcome):
        place = f"mappings[{outcome.mapping}].{field}"
        yield Problem(
            "mapping_fails",
            f"{place} fails on the sample {sample}: {message}. "
            f"The expression is: {texts.get(field, '')}",
            f"{source}: {place}",
            _HINT,
        )


def _failures(outcome: Outcome) -> list[tuple[str, str]]:
    failures = [(error.field, error.message) for error in outcome.errors]
    if "identifier" in outcome.skipped and not any(f == "entity.identifier" for f, _ in failures):
        failures.append(("entity.identifier", outcome.skipped))
    return failures


def _event(sample: Sample) -> str:
    body = forwarded(sample.line, custom_tags=sample.custom_tags)
    return build_event_text(body.decode(), HEADERS)
