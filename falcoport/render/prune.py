"""What `prune` shows: how many alerts go, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.render.text import Cell, Style, pluralize

if TYPE_CHECKING:
    from falcoport.commands.prune import Pruned, PruneResult
    from falcoport.render.console import Output

_NAMED = 20


def render_prune(output: Output, result: PruneResult) -> None:
    """Write the result for people."""
    for one in result.pruned:
        _render_choice(output, one)
        if not result.dry_run and one.chosen:
            _render_outcome(output, one)
    if result.seconds:
        output.note(f"It took {result.seconds:,.1f} s.", Style.FAINT)


def _render_choice(output: Output, one: Pruned) -> None:
    output.note(f"{one.chosen:,} of {one.before:,} {one.blueprint} would be deleted.")
    if one.open_critical:
        output.note(
            f"{pluralize(one.open_critical, 'open one')} of Emergency, Alert and Critical stay: "
            "--include-open-critical deletes them too."
        )
    if one.newest:
        output.note(f"The newest {one.newest:,} stay.")
    priorities = list(dict.fromkeys(name for _, counts in one.months for name in counts))
    if one.months:
        output.table(
            ("month", *(name or "none" for name in priorities)),
            [
                (Cell(month), *(f"{counts.get(name, 0):,}" for name in priorities))
                for month, counts in one.months
            ],
        )


def _render_outcome(output: Output, one: Pruned) -> None:
    absent = f", {one.already_absent:,} already absent" if one.already_absent else ""
    output.note(
        f"{one.deleted:,} deleted{absent}; {one.after or 0:,} {one.blueprint} are left.",
        Style.GOOD if one.is_complete else Style.BAD,
    )
    if one.needed:
        output.warn(f"{pluralize(len(one.needed), 'entity', 'entities')} stay: others need them.")
        for name in one.needed[:_NAMED]:
            output.note(f"  {name}")
    if one.remaining:
        output.warn(f"{one.remaining:,} were not deleted: run it again.")
