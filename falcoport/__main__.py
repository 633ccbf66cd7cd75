"""The entry: `falcoport` and `python -m falcoport`."""

import os
import sys

from falcoport import signals


def main() -> None:
    """Run the command line and exit with its code."""
    signals.hold_back()
    # httpx brings a command line of its own, which loads click, rich and pygments where they are
    # installed: longer than a request takes. It does without that module where it cannot be had.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # what blocks an import
    from falcoport.render.streams import harden_std_streams

    harden_std_streams()
    from falcoport.cli.app import run
    from falcoport.errors import EXIT_INTERRUPTED

    code = run(sys.argv[1:])
    if code == EXIT_INTERRUPTED:
        _leave_at_once(code)
    sys.exit(code)


def _leave_at_once(code: int) -> None:
    """Exit without waiting for requests that are still under way, nor for what they would write."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue  # nobody reads it any more
    os._exit(code)


if __name__ == "__main__":
    main()
