"""A mapping tried on the shipped samples before it is written to Port, which reports no failure.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.errors import Problem
from falcoport.falco.samples import samples
from falcoport.falcosidekick.forward import HEADERS, forwarded
from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.event import build_event_text
from falcoport.mapping.expressions import expressions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.falco.samples import Sample
    from falcoport.mapping.outcomes import Outcome

_HINT = (
    "Correct the expression; `falcoport preview` shows what it gives. "
    "--allow-mapping-errors writes it as it is."
)


def mapping_problems(mappings: Sequence[dict[str, Any]], source: str) -> tuple[Problem, ...]:
    """Return what fails when the mappings are evaluated on the shipped samples.

    That is an expression that jq cannot evaluate, and an identifier that comes out empty: Port
    would store an empty property, or nothing, without a word. Each is named once, with the first
    sample that shows it; `source` is the file the mappings come from.
    """
    evaluator = Evaluator(mappings)
    found: dict[tuple[int, str], Problem] = {}
    for sample in samples():
        for outcome in evaluator.evaluate(_event(sample)):
            texts = {e.field: e.text for e in expressions(mappings[outcome.mapping])}
            for field, message in _failures(outcome):
                place = f"mappings[{outcome.mapping}].{field}"
                found.setdefault(
                    (outcome.mapping, field),
                    Problem(
                        "mapping_fails",
                        f"{place} fails on the sample {sample.name}: {message}. "
                        f"The expression is: {texts.get(field, '')}",
                        f"{source}: {place}",
                        _HINT,
                    ),
                )
    return tuple(found.values())


def _failures(outcome: Outcome) -> list[tuple[str, str]]:
    failures = [(error.field, error.message) for error in outcome.errors]
    if "identifier" in outcome.skipped and not any(f == "entity.identifier" for f, _ in failures):
        failures.append(("entity.identifier", outcome.skipped))
    return failures


def _event(sample: Sample) -> str:
    body = forwarded(sample.line, custom_tags=sample.custom_tags)
    return build_event_text(body.decode(), HEADERS)
