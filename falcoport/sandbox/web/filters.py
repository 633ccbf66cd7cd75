"""The filters of the alerts' page, as its address carries them.

Everything a person chose is in the address, so that it can be sent to somebody else, kept as a
bookmark, and gone back to. What cannot be read is left out and named, never an error page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from falcoport.sandbox.web.moments import write_second

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PRIORITIES = (
    "Emergency",
    "Alert",
    "Critical",
    "Error",
    "Warning",
    "Notice",
    "Informational",
    "Debug",
)
"""Falco's priorities, the most severe first (Falco's documentation, Rules)."""

COLUMNS = ("time", "priority", "rule", "namespace", "workload", "cluster", "host")
"""What the table of alerts can be sorted by; a `-` in front means the highest first."""

FACETS = ("priority", "namespace", "workload", "cluster", "rule")
"""The filters that hold names, each as often as is wanted."""

DEFAULT_SORT = "-time"
PAGE_LENGTH = 50

_RELATIVE = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MAX_PAGE = 1_000_000


@dataclass(frozen=True)
class Filters:
    """Which alerts are shown, in which order.

    `start` and `end` are in seconds since 1970, `start_text` and `end_text` as they were given.
    `fixed` is the filter that belongs to the page itself: a namespace's page shows its alerts, and
    its address need not say so again. `problems` says what was given and could not be read.
    """

    priority: tuple[str, ...] = ()
    namespace: tuple[str, ...] = ()
    workload: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    start: float | None = None
    end: float | None = None
    start_text: str = ""
    end_text: str = ""
    text: str = ""
    sort: str = DEFAULT_SORT
    page: int = 1
    blueprint: str = ""
    fixed: str = ""
    problems: tuple[str, ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether any alert may be left out."""
        return bool(
            any(getattr(self, name) for name in FACETS if name != self.fixed)
            or self.start is not None
            or self.end is not None
            or self.text
        )

    @property
    def sort_column(self) -> str:
        """The column that the table is sorted by."""
        return self.sort.lstrip("-")

    @property
    def is_descending(self) -> bool:
        """Whether the highest value comes first."""
        return self.sort.startswith("-")

    def has(self, facet: str, value: str) -> bool:
        """Return whether a name is among those chosen; priorities are alike in any case."""
        chosen: tuple[str, ...] = getattr(self, facet)
        return _same_name(facet, value) in {_same_name(facet, one) for one in chosen}

    def toggle(self, facet: str, value: str) -> Filters:
        """Return the filters with a name chosen that was not, or the other way round."""
        chosen: tuple[str, ...] = getattr(self, facet)
        key = _same_name(facet, value)
        others = tuple(one for one in chosen if _same_name(facet, one) != key)
        return self.choose(facet, others if len(others) < len(chosen) else (*chosen, value))

    def choose(self, facet: str, names: tuple[str, ...]) -> Filters:
        """Return the filters with names in the place of those chosen."""
        changes: dict[str, Any] = {facet: names, "page": 1}
        return replace(self, **changes)

    def between(self, start: float, end: float) -> Filters:
        """Return the filters for a period alone, in place of the one chosen."""
        first, last = write_second(start), write_second(end)
        return replace(self, start=start, end=end, start_text=first, end_text=last, page=1)

    def since(self, text: str) -> Filters:
        """Return the filters from a moment on, until now; everything if there is no text."""
        return replace(self, start_text=text, end_text="", start=None, end=None, page=1)

    def search(self, text: str) -> Filters:
        """Return the filters with another text to search for."""
        return replace(self, text=text, page=1)

    def sort_by(self, column: str) -> Filters:
        """Return the filters sorted by a column, the other way round if they are already."""
        first = f"-{column}" if column in ("time", "priority") else column
        other = column if first.startswith("-") else f"-{column}"
        return replace(self, sort=other if self.sort == first else first, page=1)

    def at_page(self, number: int) -> Filters:
        """Return the same filters at a page of the table."""
        return replace(self, page=number)

    def clear(self) -> Filters:
        """Return no filters but the page's own, in the same order and of the same blueprint."""
        kept = Filters(sort=self.sort, blueprint=self.blueprint)
        if not self.fixed:
            return kept
        return replace(kept, fixed=self.fixed).choose(self.fixed, getattr(self, self.fixed))

    def pairs(self) -> list[tuple[str, str]]:
        """Return what the address says: only what differs from the default."""
        pairs = [("blueprint", self.blueprint)] if self.blueprint else []
        pairs += [
            (name, one) for name in FACETS if name != self.fixed for one in getattr(self, name)
        ]
        for name, value in (("from", self.start_text), ("to", self.end_text), ("q", self.text)):
            if value:
                pairs.append((name, value))
        if self.sort != DEFAULT_SORT:
            pairs.append(("sort", self.sort))
        if self.page > 1:
            pairs.append(("page", str(self.page)))
        return pairs

    def address(self, path: str = "/") -> str:
        """Return the address of the page with these filters."""
        pairs = [(name, value.encode(errors="replace")) for name, value in self.pairs()]
        return f"{path}?{urlencode(pairs)}" if pairs else path


def read_filters(pairs: Iterable[tuple[str, str]], now: float) -> Filters:
    """Return the filters that an address's query holds; unknown keys are left alone."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if value.strip():
            given.setdefault(name, []).append(value.strip())
    problems: list[str] = []
    start, start_text = _read_period(given.get("from", ()), now, "from", problems)
    end, end_text = _read_period(given.get("to", ()), now, "to", problems)
    if start is not None and end is not None and start > end:
        problems.append(f'"from" ({start_text}) is later than "to" ({end_text}).')
    names: dict[str, Any] = {name: tuple(dict.fromkeys(given.get(name, ()))) for name in FACETS}
    return Filters(
        **names,
        start=start,
        end=end,
        start_text=start_text,
        end_text=end_text,
        text=(given.get("q") or [""])[-1],
        sort=_read_sort(given.get("sort", ()), problems),
        page=_read_page(given.get("page", ()), problems),
        blueprint=(given.get("blueprint") or [""])[-1],
        problems=tuple(problems),
    )


def read_moment(text: str, now: float) -> float | None:
    """Return a moment in seconds since 1970, or None if the text is none.

    It is a date, a date and time (UTC unless it says a zone), or a length of time ago: `30m`,
    `24h`, `7d`, `2w`.
    """
    relative = _RELATIVE.fullmatch(text)
    if relative is not None:
        return now - int(relative[1]) * _SECONDS[relative[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None


def _read_period(
    values: Sequence[str], now: float, name: str, problems: list[str]
) -> tuple[float | None, str]:
    if not values:
        return None, ""
    text = values[-1]
    moment = read_moment(text, now)
    if moment is None:
        problems.append(
            f'"{name}" is not a time: {text}. Write a date (2026-11-23), a date and time '
            "(2026-11-23T09:00Z), or how long ago (24h, 7d)."
        )
        return None, ""
    return moment, text


def _read_sort(values: Sequence[str], problems: list[str]) -> str:
    if not values:
        return DEFAULT_SORT
    if values[-1].removeprefix("-") in COLUMNS:
        return values[-1]
    problems.append(f'"sort" is not a column: {values[-1]}. Columns are {", ".join(COLUMNS)}.')
    return DEFAULT_SORT


def _read_page(values: Sequence[str], problems: list[str]) -> int:
    if not values:
        return 1
    text = values[-1]
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MAX_PAGE:
        return int(text[:9])
    problems.append(f'"page" is not a number of a page: {text}.')
    return 1


def _same_name(facet: str, value: str) -> str:
    return value.lower() if facet == "priority" else value
