"""The entry: `falcoport` and `python -m falcoport`."""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from falcoport.errors import EXIT_INTERRUPTED
from falcoport.interrupts import SIGNALS, hold_back
from falcoport.streams import mend


def main() -> None:
    """Run the command line and exit with its code.

    SIGINT and SIGTERM wait until a command runs, which then says what it has done, and until the
    end once it has: neither loading nor exiting is cut into a traceback.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    hold_back()
    mend()
    from falcoport.cli.app import run

    code = run(sys.argv[1:])
    if code == EXIT_INTERRUPTED:
        # Requests that are still under way must not hold up the end, nor write into it.
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Interrupt what runs, once: what follows is short, and must not be cut as well."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
