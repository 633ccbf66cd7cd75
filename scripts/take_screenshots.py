"""Take pictures of web pages with a headless Chromium: of the sandbox's, for docs and for review.

    python scripts/take_screenshots.py --out shots http://127.0.0.1:PORT/ [more addresses]
    python scripts/take_screenshots.py --out shots --width 360,1440 --scheme light,dark ADDRESS
    python scripts/take_screenshots.py --out shots --whole --wait-for .alerts ADDRESS

Needs `chromium` (or `chromium-browser`, `google-chrome`) on PATH; asks only the addresses given,
which must be on this machine. Each picture is a PNG named after its address, width and scheme,
for example `home-1440-light.png`. `--whole` takes the page down to its end, not just the window.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from chromium import find_browser, running_browser


def is_local(address: str) -> bool:
    """Return whether an address is one of this machine's own."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def name_picture(address: str, width: int, scheme: str) -> str:
    """Return the name of a picture's file."""
    parts = urlsplit(address)
    said = unquote(f"{parts.path} {parts.query}")
    words = re.sub(r"[^A-Za-z0-9]+", "-", said).strip("-") or "home"
    return f"{words[:80]}-{width}-{scheme}.png"


def read_numbers(text: str) -> list[int]:
    """Return the numbers of a list with commas."""
    return [int(number) for number in text.split(",")]


def main() -> None:
    """Take the pictures and print the name of each file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("addresses", nargs="+", metavar="ADDRESS")
    parser.add_argument(
        "--out", type=Path, default=Path("screenshots"), help="folder for the files"
    )
    parser.add_argument("--width", type=read_numbers, default=[1440], metavar="N[,N...]")
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--scheme", choices=["light", "dark", "light,dark"], default="light")
    parser.add_argument("--whole", action="store_true", help="down to the end of the page")
    parser.add_argument("--wait-for", metavar="SELECTOR", help="wait for an element first")
    asked = parser.parse_args()
    foreign = [address for address in asked.addresses if not is_local(address)]
    if foreign:
        parser.error(f"not on this machine: {', '.join(foreign)}")
    asked.out.mkdir(parents=True, exist_ok=True)
    program = find_browser()
    if program is None:
        sys.exit("There is no chromium on PATH. On Debian: apt-get install chromium")
    with running_browser(program) as browser:
        for address in asked.addresses:
            browser.open(address)
            if asked.wait_for:
                browser.wait_until(f"document.querySelector({json.dumps(asked.wait_for)})")
            for width in asked.width:
                for scheme in asked.scheme.split(","):
                    file = asked.out / name_picture(address, width, scheme)
                    browser.prefer(scheme)
                    file.write_bytes(browser.take_picture(width, asked.height, whole=asked.whole))
                    print(file)


if __name__ == "__main__":
    main()
