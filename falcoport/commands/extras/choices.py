"""Which extras a command is asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from falcoport.errors import OptionValueError, UsageError
from falcoport.manifests.validation import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable


class Extra(StrEnum):
    """What can be added to a set-up, in the order in which it is shown."""

    DASHBOARD = "dashboard"
    ROLLUPS = "rollups"
    SCORECARD = "scorecard"


@dataclass(frozen=True)
class ExtraChoices:
    """The extras that must be there, and those that must not; the others stay as they are."""

    wanted: tuple[Extra, ...] = ()
    unwanted: tuple[Extra, ...] = ()

    @property
    def named(self) -> tuple[Extra, ...]:
        """All that are named, either way."""
        return (*self.wanted, *self.unwanted)


def parse_extras(wanted: Iterable[str], unwanted: Iterable[str]) -> ExtraChoices:
    """Return what `--with` and `--without` name, each a list of texts with commas between names.

    Raise UsageError for a name that there is not, or that both name.
    """
    chosen = _parse(wanted, "--with"), _parse(unwanted, "--without")
    both = [extra for extra in chosen[0] if extra in chosen[1]]
    if both:
        raise UsageError(
            f"--with and --without both name {both[0]}: leave it out of one.", where="--without"
        )
    return complete_choices(ExtraChoices(*chosen))


def complete_choices(choices: ExtraChoices) -> ExtraChoices:
    """Return choices with what the wanted ones stand on. Raise UsageError if that is unwanted."""
    if Extra.SCORECARD not in choices.wanted or Extra.ROLLUPS in choices.wanted:
        return choices
    if Extra.ROLLUPS in choices.unwanted:
        raise UsageError(
            "The scorecard looks at the roll-ups: it cannot be there without them.",
            where="--without",
            hint="Leave rollups out of --without, or scorecard out of --with.",
        )
    wanted = (*choices.wanted, Extra.ROLLUPS)
    return replace(choices, wanted=tuple(extra for extra in Extra if extra in wanted))


def _parse(texts: Iterable[str], option: str) -> tuple[Extra, ...]:
    names = [name.strip() for text in texts for name in text.split(",")]
    known = [str(extra) for extra in Extra]
    for name in names:
        if name not in known:
            near = nearest(name, known)
            meant = f" (did you mean {near}?)" if near else ""
            raise OptionValueError(
                f"{option} names {name!r}{meant}; there are {', '.join(known)}.", where=option
            )
    return tuple(extra for extra in Extra if extra in names)
