"""The entry: `falcoport` and `python -m falcoport`."""

import sys


def main() -> None:
    """Run the command line and exit with its code; Ctrl-C exits with 130 even while loading."""
    try:
        from falcoport.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("\nerror: Interrupted; nothing was changed.\n")
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
