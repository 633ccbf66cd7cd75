"""What storing alerts like these would mean: how many entities, of which rules, and for how long.

Made from tallies, one per chunk of a source, in memory that does not grow with the number of
alerts. Figures per day are the figures of the whole divided by the time between the first alert and
the last.

Pure.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.falco.priorities import PRIORITIES
from falcoport.preview.distinct import RELATIVE_ERROR, DistinctCounter
from falcoport.preview.tally import HOUR

if TYPE_CHECKING:
    from falcoport.preview.tally import Tally

DEFAULT_LIMIT = 10_000
"""How many entities Port's free plan holds (Port docs, troubleshooting, "Is Port really free?")."""

SHORTEST = HOUR
"""How many seconds the alerts must span before a figure per day says anything."""

_DAY = 24 * HOUR
_NAMED = 5  # rules that are listed
_OFFERED = 3  # rules and namespaces for which leaving out is worked out
_MOST_NAMES = 2_000
_MOST_FINDINGS = 100_000
_MOST_BUCKETS = 2_400
_WIDTHS = (1, 24, 24 * 30, 24 * 365)  # hours of one bar of the chart
_MOST_BARS = 31


@dataclass(frozen=True)
class Period:
    """The time that the alerts span: seconds since 1970, None where no alert has a time."""

    first: float | None = None
    last: float | None = None

    @property
    def seconds(self) -> float:
        """How long it is."""
        return 0.0 if self.first is None or self.last is None else self.last - self.first

    @property
    def is_long_enough(self) -> bool:
        """Whether figures per day say anything."""
        return self.seconds >= SHORTEST


@dataclass(frozen=True)
class Entities:
    """The entities that one way of storing alerts makes.

    `option` is what chooses it, `total` counts those of the alerts seen. `per_day` is None where
    the alerts span too short a time, `days_until_limit` also where the number does not grow.
    `is_exact` tells whether `total` was counted or estimated.
    """

    name: str
    option: str
    total: int
    per_day: float | None
    days_until_limit: float | None
    is_exact: bool


@dataclass(frozen=True)
class Saving:
    """What an option would keep out of the alerts that pass now."""

    option: str
    alerts: int
    share: float
    per_day: float | None


@dataclass(frozen=True)
class RuleCount:
    """How often a rule fired; `at_most_over` says by how much that may be too high."""

    rule: str
    alerts: int
    share: float
    at_most_over: int = 0


@dataclass(frozen=True)
class Bar:
    """A bar of the chart: the seconds since 1970 at which it begins, and how many alerts it has."""

    start: int
    alerts: int


@dataclass(frozen=True)
class Forecast:
    """What storing alerts like these would mean.

    `alerts` were seen, `passing` of them pass the filter; all else is about those. `mapped` are the
    entities by blueprint that the mapping makes as it is, `entities` those of each way to choose.
    `relative_error` is that of the totals which are not exact.
    """

    period: Period
    alerts: int
    passing: int
    per_day: float | None
    limit: int
    mapped: tuple[Entities, ...]
    entities: tuple[Entities, ...]
    rules: tuple[RuleCount, ...]
    savings: tuple[Saving, ...]
    bar_hours: int
    bars: tuple[Bar, ...]
    relative_error: float = RELATIVE_ERROR


class FrequentNames:
    """Counts names, in bounded memory: the Space-Saving algorithm (Metwally and others, 2005).

    Exact for as many names as it holds; beyond, a count is too high by at most `at_most_over`.
    """

    def __init__(self, most: int = _MOST_NAMES) -> None:
        self._most = most
        self._counts: Counter[str] = Counter()
        self.at_most_over = 0

    def add(self, counts: Counter[str]) -> None:
        """Add counts of names."""
        for name, count in counts.items():
            if name in self._counts or len(self._counts) < self._most:
                self._counts[name] += count
                continue
            rarest, lowest = min(self._counts.items(), key=lambda one: one[1])
            del self._counts[rarest]
            self._counts[name] = lowest + count
            self.at_most_over = max(self.at_most_over, lowest)

    def most_common(self, number: int) -> list[tuple[str, int]]:
        """Return the most frequent names with their counts, the most frequent first."""
        # Names break ties, so that the same alerts always give the same list.
        return sorted(self._counts.items(), key=lambda one: (-one[1], one[0]))[:number]


class _Histogram:
    """Counts by hour, or by longer times once there are many: its size is bounded."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self._level = 0

    @property
    def width(self) -> int:
        """How many hours one count is for."""
        return _WIDTHS[self._level]

    def add(self, hours: Counter[int]) -> None:
        for hour, count in hours.items():
            self.counts[hour // self.width] += count
        while len(self.counts) > _MOST_BUCKETS and self._level + 1 < len(_WIDTHS):
            self._coarsen()

    def bars(self) -> tuple[int, tuple[Bar, ...]]:
        """Return the hours of a bar, and the bars from the first to the last, empty ones too."""
        while self._level + 1 < len(_WIDTHS) and self._span() > _MOST_BARS:
            self._coarsen()
        if not self.counts:
            return self.width, ()
        first, last = min(self.counts), max(self.counts)
        places = range(max(first, last - _MOST_BARS + 1), last + 1)
        width = self.width
        return width, tuple(Bar(place * width * HOUR, self.counts[place]) for place in places)

    def _span(self) -> int:
        return max(self.counts) - min(self.counts) + 1 if self.counts else 0

    def _coarsen(self) -> None:
        before = self.width
        self._level += 1
        coarse: Counter[int] = Counter()
        for place, count in self.counts.items():
            coarse[place * before // self.width] += count
        self.counts = coarse


@dataclass
class _Findings:
    """When each finding was first seen; past a number of them they are only counted."""

    first_hours: dict[int, int] = field(default_factory=dict)
    counter: DistinctCounter = field(default_factory=DistinctCounter)

    def add(self, found: dict[int, int]) -> None:
        self.counter.add(found)
        for finding, hour in found.items():
            known = self.first_hours.get(finding)
            if known is not None:
                self.first_hours[finding] = min(known, hour)
            elif len(self.first_hours) < _MOST_FINDINGS:
                self.first_hours[finding] = hour

    def new_per_day(self, period: Period) -> float:
        """Return how many are new per day in the second half of the time: most come at first."""
        assert period.first is not None
        assert period.last is not None
        middle = (period.first + period.last) / 2 / HOUR
        late = sum(hour > middle for hour in self.first_hours.values())
        return late / (period.seconds / 2 / _DAY)


class Forecaster:
    """Takes tallies and makes a forecast of them."""

    def __init__(self) -> None:
        self._alerts = self._passing = 0
        self._first: float | None = None
        self._last: float | None = None
        self._hours = _Histogram()
        self._priorities: Counter[str] = Counter()
        self._rules, self._namespaces = FrequentNames(), FrequentNames()
        self._events, self._by_rule = DistinctCounter(), DistinctCounter()
        self._findings = _Findings()
        self._stored: dict[str, DistinctCounter] = {}

    def add(self, tally: Tally) -> None:
        """Add the tally of some more alerts."""
        self._alerts += tally.alerts
        self._passing += tally.passing
        if tally.first is not None and tally.last is not None:
            self._first = tally.first if self._first is None else min(self._first, tally.first)
            self._last = tally.last if self._last is None else max(self._last, tally.last)
        self._hours.add(tally.hours)
        self._priorities.update(tally.priorities)
        self._rules.add(tally.rules)
        self._namespaces.add(tally.namespaces)
        self._events.add(tally.events)
        self._by_rule.add(tally.events_by_rule)
        self._findings.add(tally.findings)
        for blueprint, hashes in tally.stored.items():
            self._stored.setdefault(blueprint, DistinctCounter()).add(hashes)

    def forecast(self, limit: int = DEFAULT_LIMIT) -> Forecast:
        """Return what alerts like these would mean with room for `limit` entities."""
        period = Period(self._first, self._last)
        hours, bars = self._hours.bars()
        return Forecast(
            period=period,
            alerts=self._alerts,
            passing=self._passing,
            per_day=self._per_day(self._passing, period),
            limit=limit,
            mapped=tuple(self._map(period, limit)),
            entities=tuple(self._schemes(period, limit)),
            rules=self._top_rules(),
            savings=tuple(self._savings(period)),
            bar_hours=hours,
            bars=bars,
        )

    def _per_day(self, count: float, period: Period) -> float | None:
        """Return a count per day: between n alerts there are n - 1 times to wait."""
        if not period.is_long_enough:
            return None
        return count * (self._passing - 1) / self._passing / (period.seconds / _DAY)

    def _find_growth(
        self, name: str, option: str, counter: DistinctCounter, period: Period, limit: int
    ) -> Entities:
        """Return the entities of a way in which each alert makes one, so that there is no end."""
        total = counter.count()
        per_day = self._per_day(total, period)
        days = limit / per_day if per_day else None
        return Entities(name, option, total, per_day, days, counter.is_exact)

    def _map(self, period: Period, limit: int) -> list[Entities]:
        return [
            self._find_growth(blueprint, "", counter, period, limit)
            for blueprint, counter in self._stored.items()
        ]

    def _schemes(self, period: Period, limit: int) -> list[Entities]:
        by_event = self._find_growth(
            "hostname-time", "--identifier hostname-time", self._events, period, limit
        )
        by_rule = self._find_growth(
            "hostname-time-rule", "--identifier hostname-time-rule", self._by_rule, period, limit
        )
        per_day = self._per_day(self._passing, period)
        by_uuid = Entities(
            "uuid",
            "--identifier uuid",
            self._passing,
            per_day,
            limit / per_day if per_day else None,
            is_exact=True,
        )
        findings = self._with_findings("--findings-only", None, period, limit)
        both = self._with_findings("--findings", by_rule, period, limit)
        return [by_event, by_rule, by_uuid, both, findings]

    def _with_findings(
        self, option: str, alerts: Entities | None, period: Period, limit: int
    ) -> Entities:
        """Return the entities with findings, beside those of alerts if any.

        Most findings turn up at first, so it is the later ones that say how their number grows.
        """
        counter = self._findings.counter
        found = counter.count()
        total = found + (alerts.total if alerts else 0)
        per_day = days = None
        if period.is_long_enough:
            new = self._findings.new_per_day(period)
            growth = new + (alerts.per_day or 0.0 if alerts else 0.0)
            seen = found if alerts is None else 0
            per_day = (self._per_day(found, period) or 0.0) if alerts is None else growth
            days = max(0.0, limit - seen) / growth if growth else None
        name = option.removeprefix("--")
        is_exact = counter.is_exact and (alerts is None or alerts.is_exact)
        return Entities(name, option, total, per_day, days, is_exact)

    def _top_rules(self) -> tuple[RuleCount, ...]:
        over = self._rules.at_most_over
        return tuple(
            RuleCount(rule, count, count / self._passing, over)
            for rule, count in self._rules.most_common(_NAMED)
        )

    def _savings(self, period: Period) -> list[Saving]:
        dropped = self._count_dropped_by_priority()
        rules = self._rules.most_common(_OFFERED)
        dropped += [(f"--skip-rules {shlex.quote(rule)}", count) for rule, count in rules]
        names = self._namespaces.most_common(_OFFERED)
        dropped += [(f"--skip-namespaces {shlex.quote(name)}", count) for name, count in names]
        return [
            Saving(option, count, count / self._passing, self._per_day(count, period))
            for option, count in dropped
            if count
        ]

    def _count_dropped_by_priority(self) -> list[tuple[str, int]]:
        """Return each lowest priority that keeps something out, but not everything."""
        found = []
        below = 0
        for lower, lowest in zip(PRIORITIES[::-1], PRIORITIES[-2::-1], strict=False):
            below += self._priorities[lower]
            if self._priorities[lower] and below < self._passing:
                found.append((f"--min-priority {lowest.lower()}", below))
        return found


def round_days(days: float) -> str:
    """Return a number of days as a person says it."""
    if days >= 3650:  # noqa: PLR2004 -- ten years
        return "over 10 years"
    if days >= 2:  # noqa: PLR2004 -- below, hours say more
        return f"{math.floor(days):,} days"
    hours = days * 24
    return f"{math.floor(hours):,} hours" if hours >= 2 else "less than 2 hours"  # noqa: PLR2004
