"""What `replay` says: what there is to send, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.render.text import Cell, Style, pluralize

if TYPE_CHECKING:
    from falcoport.commands.replay import Reading, ReplayResult
    from falcoport.render.console import Output

_REASONS = 10


def render_replay(output: Output, result: ReplayResult) -> None:
    """Write a summary for people."""
    reading = result.reading
    _render_reading(output, reading, dry_run=result.dry_run)
    if result.dry_run:
        return
    rate = result.accepted / result.seconds if result.seconds else 0.0
    output.note(
        f"{pluralize(result.accepted, 'alert')} sent in {result.seconds:,.1f} s "
        f"({rate:,.0f} a second), {pluralize(result.refused, 'refusal')}.",
        Style.BAD if result.refused else Style.GOOD,
    )
    if result.filtered:
        output.note(f"{pluralize(result.filtered, 'alert')} left out by the mapping's filter.")
    if result.refused:
        output.table(
            ("refused", "why"),
            [(f"{count:,}", reason) for reason, count in result.reasons[:_REASONS]],
        )
        output.note(f"They are in {result.refused_file}, to be replayed once the cause is fixed.")


def _render_reading(output: Output, reading: Reading, *, dry_run: bool) -> None:
    for problem in reading.problems:
        output.warn(problem.message)
    if reading.bad > len(reading.problems):
        output.warn(f"{reading.bad - len(reading.problems):,} more places hold no alert.")
    parts = [f"{pluralize(reading.chosen, 'alert')} in {pluralize(reading.sources, 'source')}"]
    if reading.earlier:
        parts.append(f"{reading.earlier:,} were sent by an earlier run")
    if reading.outside:
        parts.append(f"{reading.outside:,} are outside of the range asked for")
    output.note(f"{'; '.join(parts)}.")
    if dry_run and reading.chosen:
        output.note(f"From {reading.first} to {reading.last}.")
        output.table(
            ("priority", "alerts"),
            [(Cell(name), f"{count:,}") for name, count in reading.priorities if count],
        )
