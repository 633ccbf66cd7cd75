"""The entry: `falcoport` and `python -m falcoport`."""

# The public module `signal` needs others, whose import Ctrl-C could cut into a traceback.
import _signal  # type: ignore[import-not-found] # a built-in module without type stubs
import os
import sys

_SIGNALS = (_signal.SIGINT, _signal.SIGTERM)


def main() -> None:
    """Run the command line and exit with its code.

    SIGINT and SIGTERM wait until a command runs, which then says what it has done, and until the
    end once it has: neither loading nor exiting is cut into a traceback.
    """
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)
    for number in _SIGNALS:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _interrupt)
    from contextlib import suppress

    from falcoport.render.streams import harden_std_streams

    harden_std_streams()
    from falcoport.cli.app import run
    from falcoport.errors import EXIT_INTERRUPTED

    code = run(sys.argv[1:])
    if code == EXIT_INTERRUPTED:
        # Requests that are still under way must not hold up the end, nor write into it.
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _interrupt(_number: int, _frame: object) -> None:
    """Interrupt what runs, once: what follows is short, and must not be cut as well."""
    for number in _SIGNALS:
        _signal.signal(number, _signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
