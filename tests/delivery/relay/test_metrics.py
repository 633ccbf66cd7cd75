"""What the relay serves about itself."""

from __future__ import annotations

import httpx
import pytest

from falcoport.delivery.posting import Answer, Verdict
from falcoport.delivery.relay.metrics import Metrics, health_server
from falcoport.errors import UsageError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def get(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, verify=False)


def test_it_is_ready_when_alerts_go_through_and_says_why_not() -> None:
    metrics = Metrics()
    with health_server(metrics, "127.0.0.1", 0) as port:
        metrics.beat("Port takes no alerts: status 503")
        away = get(port, "/readyz")
        metrics.beat("")
        ready = get(port, "/readyz")
    assert (away.status_code, away.text) == (503, "Port takes no alerts: status 503\n")
    assert (ready.status_code, ready.text) == (200, "ready\n")


def test_it_is_alive_while_its_loop_runs_even_if_port_is_away() -> None:
    clock = Clock()
    metrics = Metrics(clock)
    with health_server(metrics, "127.0.0.1", 0) as port:
        metrics.beat("Port takes no alerts: status 503")
        assert get(port, "/healthz").status_code == 200
        clock.now += 61
        assert get(port, "/healthz").status_code == 503


def test_the_metrics_count_what_became_of_alerts() -> None:
    clock = Clock()
    metrics = Metrics(clock)
    for _ in range(3):
        metrics.fetched(redelivered=False)
    metrics.fetched(redelivered=True)
    metrics.answered(Answer(Verdict.ACCEPTED, "", 202))
    metrics.answered(Answer(Verdict.UNAVAILABLE, "status 503", 503))
    metrics.answered(Answer(Verdict.REFUSED, "status 413", 413))
    metrics.dead_lettered()
    metrics.set_lag(7)
    metrics.set_held(2)
    clock.now += 5
    with health_server(metrics, "127.0.0.1", 0) as port:
        lines = get(port, "/metrics").text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    wanted = {
        "falcoport_relay_fetched_total": "4.0",
        "falcoport_relay_redelivered_total": "1.0",
        "falcoport_relay_posted_total": "1.0",
        "falcoport_relay_retried_total": "1.0",
        "falcoport_relay_dead_lettered_total": "1.0",
        'falcoport_relay_answers_total{status="413"}': "1.0",
        "falcoport_relay_lag": "7.0",
        "falcoport_relay_held": "2.0",
        "falcoport_relay_ready": "0.0",
        "falcoport_relay_seconds_since_last_success": "5.0",
    }
    assert {name: values.get(name) for name in wanted} == wanted


def test_an_unknown_path_is_not_found() -> None:
    with health_server(Metrics(), "127.0.0.1", 0) as port:
        assert get(port, "/secret").status_code == 404


def test_a_taken_port_is_a_usage_error() -> None:
    with (
        health_server(Metrics(), "127.0.0.1", 0) as port,
        pytest.raises(UsageError, match=f"127.0.0.1:{port}"),
        health_server(Metrics(), "127.0.0.1", port),
    ):
        pass
