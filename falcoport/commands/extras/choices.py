"""Which extras a command is asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from falcoport.errors import OptionValueError, UsageError
from falcoport.falco.priorities import PRIORITIES, find_priority
from falcoport.manifests.extra_names import MOST_DAYS, ChannelKind, Extra, read_days
from falcoport.manifests.validation import nearest
from falcoport.settings import DEFAULT_REGION, REGIONS, find_app_url

if TYPE_CHECKING:
    from collections.abc import Iterable


DEFAULT_PRIORITY = "Critical"
"""The lowest priority that people are told of, where nothing else is said."""


@dataclass(frozen=True)
class Channel:
    """Where people are told, and from which priority on.

    `value` is the URL, or for PagerDuty the integration's key; None leaves it as Port has it.
    `priority` None leaves it as it is in Port.
    """

    kind: ChannelKind
    value: str | None = field(default=None, repr=False)
    priority: str | None = None


DEFAULT_RETENTION_DAYS = 30


@dataclass(frozen=True)
class ExtraChoices:
    """The extras that must be there, and those that must not; the others stay as they are.

    `channels` are where people are told, empty for those that Port has already. `retention_days`
    None leaves them as Port has them. `api_url` is that of Port's API.
    """

    wanted: tuple[Extra, ...] = ()
    unwanted: tuple[Extra, ...] = ()
    channels: tuple[Channel, ...] = ()
    retention_days: int | None = None
    api_url: str = REGIONS[DEFAULT_REGION]

    @property
    def app_url(self) -> str:
        """The address of Port's web pages that belongs to its API's."""
        return find_app_url(self.api_url)

    @property
    def named(self) -> tuple[Extra, ...]:
        """All that are named, either way."""
        return (*self.wanted, *self.unwanted)


NO_CHOICES = ExtraChoices()


@dataclass(frozen=True)
class ExtraTexts:
    """What options say, as texts: names with commas between them, a channel, a number of days.

    `value` is the URL of the channel, or its key.
    """

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    channel: str | None = None
    value: str | None = field(default=None, repr=False)
    priority: str | None = None
    retention: str | None = None


def parse_extras(texts: ExtraTexts, configured: ExtraChoices | None = None) -> ExtraChoices:
    """Return what options choose, and what `falcoport.yaml` says where they say nothing.

    Raise UsageError for what there is not, or what contradicts.
    """
    configured = configured or NO_CHOICES
    wanted = {*_parse(texts.wanted, "--with")}
    unwanted = _parse(texts.unwanted, "--without")
    channel = _parse_channel(texts)
    if channel is not None:
        wanted.add(Extra.NOTIFY)
    if texts.retention is not None:
        wanted.add(Extra.RETENTION)
    both = [extra for extra in unwanted if extra in wanted]
    if both:
        raise UsageError(
            f"{both[0]} is in both --with and --without: remove it from one of them.",
            where="--without",
        )
    days = None if texts.retention is None else parse_days(texts.retention)
    wanted |= {extra for extra in configured.wanted if extra not in unwanted}
    return complete_choices(
        ExtraChoices(
            tuple(extra for extra in Extra if extra in wanted),
            unwanted,
            () if Extra.NOTIFY in unwanted else _merge_channels(channel, configured.channels),
            configured.retention_days if days is None else days,
        )
    )


def _merge_channels(given: Channel | None, configured: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Return the channel of an option before those of the file, which says what that leaves out."""
    if given is None:
        return configured
    same = next((one for one in configured if one.kind is given.kind), given)
    merged = replace(
        given, value=given.value or same.value, priority=given.priority or same.priority
    )
    return (merged, *(one for one in configured if one.kind is not given.kind))


def parse_days(text: str) -> int:
    """Return the days that a text such as `30d` names. Raise OptionValueError."""
    days = read_days(text)
    if days is None:
        raise OptionValueError(
            f"--retention is {text!r}; it takes days from 1d to {MOST_DAYS}d, such as 30d.",
            where="--retention",
        )
    return days


def _parse_channel(texts: ExtraTexts) -> Channel | None:
    if texts.channel is None:
        if texts.priority is not None or texts.value is not None:
            raise UsageError(
                "--notify-url-file and --notify-priority go with --notify.",
                where="--notify",
                hint="Give the channel too, such as --notify slack.",
            )
        return None
    if texts.channel not in list(ChannelKind):
        known = ", ".join(ChannelKind)
        raise OptionValueError(
            f"--notify is {texts.channel!r}; it takes {known}.", where="--notify"
        )
    priority = None if texts.priority is None else find_priority(texts.priority)
    if texts.priority is not None and priority is None:
        raise OptionValueError(
            f"--notify-priority is {texts.priority!r}, which is not a priority of Falco.",
            where="--notify-priority",
            hint=f"There are {', '.join(PRIORITIES)}.",
        )
    kind = ChannelKind(texts.channel)
    check_channel_value(kind, texts.value, "--notify-url-file")
    return Channel(kind, texts.value, priority)


def check_channel_value(kind: ChannelKind, value: str | None, where: str) -> None:
    """Raise OptionValueError for what is no URL, without showing it: it is a secret."""
    if kind is ChannelKind.PAGERDUTY or value is None:
        return  # that one has a key
    parts = urlsplit(value)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise OptionValueError(f"{where} does not hold an https:// URL.", where=where)


def complete_choices(choices: ExtraChoices) -> ExtraChoices:
    """Return choices with what the wanted ones stand on. Raise UsageError if that is unwanted."""
    if Extra.SCORECARD not in choices.wanted or Extra.ROLLUPS in choices.wanted:
        return choices
    if Extra.ROLLUPS in choices.unwanted:
        raise UsageError(
            "The scorecard needs the roll-ups.",
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
