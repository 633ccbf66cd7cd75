"""The child that evaluates expressions which might never end."""

from __future__ import annotations

import resource
import signal
import sys

from falcoport.sandbox.expressions.limited import MEMORY, read_message, run_program, write_message


def main() -> None:
    """Answer the parent's messages until it is gone."""
    # Ctrl-C is for the parent, which ends this process with itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (message := read_message(sys.stdin.buffer)) is not None:
        seconds, expression, text = message
        # Nothing handles the alarm: it ends the process, even inside libjq.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = run_program(expression, text)
        signal.setitimer(signal.ITIMER_REAL, 0)
        write_message(sys.stdout.buffer, answer)


if __name__ == "__main__":
    main()
