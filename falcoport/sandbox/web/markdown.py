"""Markdown that people put on dashboards, as HTML that can do no harm.

HTML in it is shown as text, links lead only to where a browser may go without running anything,
and pictures from elsewhere are not loaded: the pages work without a network.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


def render_markdown(text: str, top: int = 3) -> Markup:
    """Return Markdown as HTML; its first headings are of level `top`, below the page's own."""
    tokens = _parser().parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + top - 1)}"
    parser = _parser()
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 - the parser escapes HTML


def is_safe_address(address: str) -> bool:
    """Return whether an address may be a link: one of the web, of mail, or of this site."""
    scheme, colon, _ = address.strip().partition(":")
    if not colon or "/" in scheme or "?" in scheme or "#" in scheme:
        return True
    return scheme.lower() in ("http", "https", "mailto")


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    # The parser's own hook, which its documentation says to set.
    parser.validateLink = is_safe_address  # type: ignore[assignment,method-assign]
    return parser
