"""Alerts come out in order of time, each once, however they were put in."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from falcoport.delivery.staging import StagedAlert, Staging, key_of, shard_of
from falcoport.errors import UsageError
from falcoport.falcosidekick.go_time import TimeError, read_instant

if TYPE_CHECKING:
    from pathlib import Path


def alerts(count: int) -> list[StagedAlert]:
    return [StagedAlert(n // 3, key_of(f"u{n}"), b"x" * (n % 50)) for n in range(count)]


@pytest.mark.parametrize("part_bytes", [1, 5000, 10**9])
def test_the_oldest_comes_first_and_repeats_come_once(part_bytes: int) -> None:
    given = alerts(500) * 2
    random.Random(1).shuffle(given)
    with Staging(part_bytes) as staging:
        for alert in given:
            staging.add(alert)
        assert staging.count == 1000
        assert list(staging) == sorted(alerts(500))


def test_a_disk_that_cannot_take_them_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Staging(1) as staging:
        folder = next(tmp_path.iterdir())
        folder.rmdir()
        with pytest.raises(UsageError, match="cannot be sorted"):
            staging.add(alerts(1)[0])


def test_every_alert_is_in_one_shard_and_always_the_same() -> None:
    keys = [alert.key for alert in alerts(1000)]
    shards = [shard_of(key, 4) for key in keys]
    assert shards == [shard_of(key, 4) for key in keys]
    assert all(200 < shards.count(number) < 300 for number in range(4))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("2026-08-17T09:47:21.123456789Z", 1786960041123456789),
        ("2026-08-17T11:47:21.123456789+02:00", 1786960041123456789),
        ("0001-01-02T00:00:00Z", -62135510400 * 10**9),
        ("0000-12-31T00:00:00Z", -62135683200 * 10**9),
        ("0000-02-29T00:00:00Z", -62162121600 * 10**9),
    ],
)
def test_instants_are_those_of_the_calendar(text: str, instant: int) -> None:
    assert read_instant(text) == instant


def test_what_is_no_time_is_no_instant() -> None:
    with pytest.raises(TimeError):
        read_instant("yesterday")
