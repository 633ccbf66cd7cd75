"""The use case `replay`: send stored alerts, in order of their time."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from falcoport.delivery.checkpoint import Checkpoint
from falcoport.delivery.posting import UnusableAlertError, prepare
from falcoport.delivery.staging import StagedAlert, Staging, key_of, shard_of
from falcoport.delivery.ways import Through
from falcoport.errors import InputError, InterruptedRunError, Problem, UsageError
from falcoport.falco.inputs.files import STDIN, describe_names, find_files, read_blocks
from falcoport.falco.inputs.interface import InputFormat, find_alerts, split_source
from falcoport.falco.priorities import PRIORITIES, find_priority
from falcoport.falcosidekick.go_time import TimeError, read_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from falcoport.commands.context import Context
    from falcoport.commands.webhook_target import TargetRequest
    from falcoport.delivery.posting import Prepared
    from falcoport.delivery.replay import Ledger
    from falcoport.delivery.send import Delivery
    from falcoport.json_types import Json
    from falcoport.mapping.outcomes import Outcome

NAMED_PROBLEMS = 20
"""How many unreadable places are named; the others are counted."""

_READING_WORD = 2.0


@dataclass(frozen=True)
class ReplayRequest:
    """What to send, and how.

    `names` are files, folders and `-`. `since`, `until` are instants in nanoseconds, the second
    exclusive. `most` is how many of the oldest are sent. `shard` is its number and how many there
    are. `refused_file` is created only where something was refused.
    """

    names: tuple[str, ...]
    target: TargetRequest
    through: Through = Through.WEBHOOK
    form: InputFormat | None = None
    since: int | None = None
    until: int | None = None
    min_priority: str | None = None
    most: int | None = None
    rate: float | None = None
    max_in_flight: int = 16
    dry_run: bool = False
    checkpoint: Path | None = None
    shard: tuple[int, int] = (0, 1)
    refused_file: Path = Path("falcoport-refused.jsonl")
    custom_tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What the sources held.

    `chosen` alerts are to be sent, by priority in `priorities`, from `first` to `last` (times as
    written); `earlier` were done by an earlier run, `outside` were left out by the options, `bad`
    places could not be read: `problems` names the first ones.
    """

    sources: int = 0
    chosen: int = 0
    earlier: int = 0
    outside: int = 0
    bad: int = 0
    problems: tuple[Problem, ...] = ()
    priorities: tuple[tuple[str, int], ...] = ()
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class ReplayResult:
    """What became of the alerts; `reasons` are those of refusals, each with its number."""

    reading: Reading
    dry_run: bool = False
    accepted: int = 0
    refused: int = 0
    filtered: int = 0
    retried: int = 0
    seconds: float = 0.0
    refused_file: str = ""
    reasons: tuple[tuple[str, int], ...] = ()


def replay(request: ReplayRequest, context: Context) -> ReplayResult:
    """Read everything, sort it by time, and send it.

    Raise UsageError, InputError, CheckFailedError, AccessError and PortError.
    """
    if not request.names:
        raise UsageError(
            "No alerts were given.",
            where="FILE",
            hint="Name files or folders, or - for standard input.",
        )
    with ExitStack() as stack:
        target = None if request.dry_run else _open_target(request, context)
        staging = stack.enter_context(Staging())
        checkpoint = Checkpoint(request.checkpoint, _fingerprint(request, target))
        stack.callback(checkpoint.close)
        reading = _Reader(request, checkpoint, staging, context.progress).read()
        if reading.bad and not reading.chosen and not reading.earlier + reading.outside:
            message = f"There is no alert in {describe_names(request.names)}."
            summary = Problem("bad_input", message, "FILE")
            raise InputError(message, problems=(summary, *reading.problems))
        if target is None:
            return ReplayResult(reading, dry_run=True)
        return _send(request, reading, staging, checkpoint, target, context)


def _send(
    request: ReplayRequest,
    reading: Reading,
    staging: Staging,
    checkpoint: Checkpoint,
    target: _Target,
    context: Context,
) -> ReplayResult:
    from falcoport.delivery.replay import Ledger

    total = min(reading.chosen, request.most or reading.chosen)
    if total:
        context.warn(
            f"{total:,} alerts are sent: automations that watch for new alerts run for each one "
            "that the catalog does not have yet."
        )
    ledger = Ledger(total, checkpoint, request.refused_file, context.progress)
    alerts = _oldest(staging, request.most)
    try:
        if request.through is Through.API:
            _through_api(request, alerts, target, ledger, context)
        else:
            _through_webhook(request, alerts, target, ledger, context)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Interrupted. {ledger.accepted:,} of {total:,} alerts were sent.",
            hint="Run the same command again: with --checkpoint it goes on from here.",
        ) from None
    finally:
        ledger.close()
    return ReplayResult(
        reading,
        accepted=ledger.accepted,
        refused=ledger.refused,
        filtered=ledger.filtered,
        retried=ledger.retried,
        seconds=ledger.seconds,
        refused_file=str(request.refused_file) if ledger.refused else "",
        reasons=tuple(ledger.reasons.most_common()),
    )


def _through_webhook(
    request: ReplayRequest,
    alerts: Iterator[StagedAlert],
    target: _Target,
    ledger: Ledger,
    context: Context,
) -> None:
    from falcoport.delivery.replay import ReplayOptions, replay_to_webhook
    from falcoport.delivery.sending import SendingOptions

    assert target.delivery is not None  # opened for this way
    options = ReplayOptions(SendingOptions(request.max_in_flight, request.rate))
    replay_to_webhook(alerts, target.delivery, options, ledger, context.progress)


def _through_api(
    request: ReplayRequest,
    alerts: Iterator[StagedAlert],
    target: _Target,
    ledger: Ledger,
    context: Context,
) -> None:
    from falcoport.delivery.replay import AWAY_SECONDS
    from falcoport.delivery.replay_api import GROUP, ApiReplay
    from falcoport.mapping.limited_process import Limits
    from falcoport.preview.engine import MapperOptions
    from falcoport.preview.limited import open_evaluation

    # An expression that might not end is evaluated within limits, for as many alerts as are mapped
    # together: each may take as long as anywhere else.
    limits = Limits(seconds=GROUP * Limits().seconds)
    options = MapperOptions(target.mappings, limits=limits)
    with open_evaluation(options) as evaluate, context.connect() as api:
        ApiReplay(
            api,
            _evaluator(evaluate),
            # A request carries twenty alerts: a few at a time are more than any webhook takes.
            workers=max(1, min(4, request.max_in_flight)),
            rate=request.rate,
            away_seconds=AWAY_SECONDS,
        ).run(alerts, ledger)


def _evaluator(
    evaluate: Callable[[Sequence[Json]], list[list[Outcome]]],
) -> Callable[[Sequence[bytes]], list[list[Outcome] | str]]:
    """Return what maps bodies as the webhook would, each by itself where one cannot be read."""
    from falcoport.mapping.outcomes import EventError
    from falcoport.preview.plain import parse_object

    def one_by_one(bodies: list[Json]) -> list[list[Outcome] | str]:
        found: list[list[Outcome] | str] = []
        for body in bodies:
            try:
                found.append(evaluate([body])[0])
            except EventError as error:
                found.append(str(error))
        return found

    def evaluate_all(bodies: Sequence[bytes]) -> list[list[Outcome] | str]:
        parsed = [parse_object(body.decode())[0] for body in bodies]
        try:
            return list(evaluate(parsed))
        except EventError:
            return one_by_one(parsed)

    return evaluate_all


# --- where to -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Target:
    """Where alerts go: the webhook's address, or its mappings."""

    delivery: Delivery | None
    mappings: tuple[Json, ...] = ()


def _open_target(request: ReplayRequest, context: Context) -> _Target:
    from falcoport.commands.live_webhook import require_webhook
    from falcoport.commands.webhook_target import resolve_target
    from falcoport.errors import CheckFailedError

    if request.through is Through.WEBHOOK:
        return _Target(resolve_target(request.target, context))
    if request.target.url is not None:
        raise UsageError(
            "--through api takes the mapping from the webhook in Port: a URL alone says nothing "
            "about it.",
            where="--through",
            hint="Leave the webhook's URL out and give credentials for Port.",
        )
    with context.connect() as api:
        webhook = api.webhook(request.target.webhook_id)
    live = require_webhook(webhook, request.target.webhook_id)
    mappings = tuple(live.get("mappings") or ())
    if not mappings:
        raise CheckFailedError(
            f"Webhook {request.target.webhook_id!r} has no mapping, so nothing would be stored.",
            where=f"webhook {request.target.webhook_id}: mappings",
            hint="Run `falcoport setup` first.",
        )
    return _Target(None, mappings)


def _fingerprint(request: ReplayRequest, target: _Target | None) -> str | None:
    """Return a text that stands for where alerts go, and gives nothing of it away."""
    if target is None:
        return None
    url = target.delivery.url if target.delivery is not None else ""
    name = f"{request.through} {url or request.target.webhook_id}"
    return hashlib.sha256(name.encode()).hexdigest()


# --- reading ------------------------------------------------------------------------------------


class _Reader:
    """Reads all sources into a staging, as far as the options choose."""

    def __init__(
        self,
        request: ReplayRequest,
        checkpoint: Checkpoint,
        staging: Staging,
        say: Callable[[str], None],
    ) -> None:
        self._request = request
        self._checkpoint = checkpoint
        self._staging = staging
        self._say = say
        self._next_word = time.monotonic() + _READING_WORD
        self._least = (
            len(PRIORITIES)
            if request.min_priority is None
            else PRIORITIES.index(request.min_priority)
        )
        self._counts: Counter[str] = Counter()
        self._priorities: Counter[str] = Counter()
        self._problems: list[Problem] = []
        self._ends: list[tuple[int, str]] = []

    def read(self) -> Reading:
        """Read to the end, and say what there was."""
        for name in find_files(self._request.names):
            self._counts["sources"] += 1
            for chunk in split_source(read_blocks(name), self._request.form):
                for found in find_alerts(chunk):
                    if found.problem:
                        self._blame(name, found.line, found.problem)
                    elif found.text:
                        self._take(name, found.line, found.text)
            self._report()
        counts = self._counts
        return Reading(
            sources=counts["sources"],
            chosen=self._staging.count,
            earlier=counts["earlier"],
            outside=counts["outside"],
            bad=counts["bad"],
            problems=tuple(self._problems),
            priorities=tuple((name, self._priorities[name]) for name in PRIORITIES),
            first=min(self._ends, default=(0, ""))[1],
            last=max(self._ends, default=(0, ""))[1],
        )

    def _take(self, name: str, line: int, text: str) -> None:
        try:
            alert = prepare(text, custom_tags=self._request.custom_tags)
            instant = read_instant(alert.time)
        except (UnusableAlertError, TimeError) as error:
            self._blame(name, line, str(error))
            return
        key = key_of(alert.uuid)
        if not self._is_chosen(alert, instant, key):
            self._counts["outside"] += 1
        elif self._checkpoint.is_done(key):
            self._counts["earlier"] += 1
        else:
            self._priorities[find_priority(alert.priority) or "Debug"] += 1
            self._note_ends(instant, alert.time)
            self._staging.add(StagedAlert(instant, key, alert.body))
        self._report()

    def _is_chosen(self, alert: Prepared, instant: int, key: bytes) -> bool:
        request = self._request
        if request.since is not None and instant < request.since:
            return False
        if request.until is not None and instant >= request.until:
            return False
        if request.min_priority is not None:
            known = find_priority(alert.priority)
            if known is None or PRIORITIES.index(known) > self._least:
                return False
        number, shards = request.shard
        return shards == 1 or shard_of(key, shards) == number

    def _note_ends(self, instant: int, text: str) -> None:
        ends = [*self._ends, (instant, text)]
        self._ends = [min(ends), max(ends)]

    def _blame(self, name: str, line: int, message: str) -> None:
        self._counts["bad"] += 1
        if len(self._problems) < NAMED_PROBLEMS:
            where = "standard input" if name == STDIN else name
            self._problems.append(
                Problem("bad_input", f"{where}, line {line}: {message}.", f"{where}:{line}")
            )

    def _report(self) -> None:
        now = time.monotonic()
        if now >= self._next_word:
            self._next_word = now + 5 * _READING_WORD
            read = self._counts["sources"]
            self._say(f"Reading: {self._staging.count:,} alerts so far, in {read:,} sources.")


def _oldest(staging: Staging, most: int | None) -> Iterator[StagedAlert]:
    for count, alert in enumerate(staging):
        if most is not None and count >= most:
            return
        yield alert
