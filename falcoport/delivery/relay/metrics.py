"""What the relay says about itself: Prometheus metrics, liveness and readiness over HTTP.

The registry belongs to one relay, not to the process. The server runs in a thread of its own, so
that a loop that hangs is seen to hang.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from falcoport.delivery.posting import Verdict
from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from falcoport.delivery.posting import Answer

ALIVE_SECONDS = 60.0
"""How long the loop may be silent before `/healthz` says that it hangs."""


class Metrics:
    """Counts of one relay, and whether it is alive and ready."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge

        self._clock = clock
        self._started = self._last_beat = clock()
        self._last_success: float | None = None
        self._problem = "not connected yet"
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Any:
            return Counter(f"falcoport_relay_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str) -> Any:
            return Gauge(f"falcoport_relay_{name}", text, registry=self.registry)

        self._fetched = counter("fetched", "Alerts taken from the queue.")
        self._redelivered = counter("redelivered", "Alerts that the queue delivered once more.")
        self._posted = counter("posted", "Alerts that Port accepted.")
        self._retried = counter("retried", "Posts that failed and are tried again.")
        self._dead = counter("dead_lettered", "Alerts put among the dead letters.")
        self._answers = counter("answers", "Answers by status; none: no answer.", ("status",))
        self._lag = gauge("lag", "Alerts in the queue that are not done yet; -1: not known.")
        self._held = gauge("held", "Alerts that this replica is working on.")
        gauge("ready", "Whether alerts go through now.").set_function(
            lambda: float(not self._problem)
        )
        gauge(
            "seconds_since_last_success",
            "Seconds since Port accepted an alert, since the start if it has not yet.",
        ).set_function(self._since_success)
        self._lag.set(-1)

    @property
    def problem(self) -> str:
        """Why the relay is not ready; empty if it is."""
        return self._problem

    @property
    def is_alive(self) -> bool:
        """Whether the loop has shown lately that it runs."""
        return self._clock() - self._last_beat < ALIVE_SECONDS

    @property
    def counts(self) -> dict[str, int]:
        """How many alerts were posted, retried, redelivered and put among the dead letters."""
        names = ("posted", "retried", "redelivered", "dead_lettered")
        found = {n: self.registry.get_sample_value(f"falcoport_relay_{n}_total") for n in names}
        return {name: int(value or 0) for name, value in found.items()}

    def beat(self, problem: str) -> None:
        """Note that the loop runs, and why alerts do not go through, if they do not."""
        self._last_beat = self._clock()
        self._problem = problem

    def fetched(self, *, redelivered: bool) -> None:
        """Count an alert taken from the queue."""
        self._fetched.inc()
        if redelivered:
            self._redelivered.inc()

    def answered(self, answer: Answer) -> None:
        """Count an answer, and what it means."""
        self._answers.labels(str(answer.status or "none")).inc()
        if answer.verdict is Verdict.ACCEPTED:
            self._posted.inc()
            self._last_success = self._clock()
        elif answer.verdict is not Verdict.REFUSED:
            self._retried.inc()

    def dead_lettered(self) -> None:
        """Count a dead letter."""
        self._dead.inc()

    def set_lag(self, lag: int | None) -> None:
        """Note how many alerts are not done yet."""
        self._lag.set(-1 if lag is None else lag)

    def set_held(self, held: int) -> None:
        """Note how many alerts are being worked on."""
        self._held.set(held)

    def _since_success(self) -> float:
        return self._clock() - (self._last_success or self._started)


@contextmanager
def health_server(metrics: Metrics, host: str, port: int) -> Iterator[int]:
    """Serve `/healthz`, `/readyz` and `/metrics` until the block ends; give the port.

    Raises UsageError where the address cannot be listened on.
    """

    class Handler(_Handler):
        source = metrics

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"Cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}.",
            where="--listen",
            hint="Choose another address with --listen.",
        ) from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET alone; what it serves is neither secret nor changes anything."""

    source: Metrics
    timeout = 10  # seconds for a request to arrive

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            alive = self.source.is_alive
            self._answer(200 if alive else 503, "ok\n" if alive else "the loop hangs\n")
        elif path == "/readyz":
            problem = self.source.problem
            self._answer(503 if problem else 200, f"{problem or 'ready'}\n")
        elif path == "/metrics":
            from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

            text = generate_latest(self.source.registry).decode()
            self._answer(200, text, CONTENT_TYPE_LATEST)
        else:
            self._answer(404, "there are /healthz, /readyz and /metrics\n")

    def _answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Log no probe: there is one every few seconds."""
