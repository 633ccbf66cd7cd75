r"""What Port takes for an identifier: one rule per kind, for every check of ours.

Source: Port's API reference of 2026-01. Its patterns are `^(?!\.{1,2}$)[\p{L}0-9@_.+:\\/-]+$` for a
blueprint, the same with `=` for an entity, and `^[A-Za-z0-9@_=\\-]+$` for a property or relation.

`\p{L}` is exactly Unicode's letters: neither `²` (a number) nor `Ⅷ` (a letter-like number), both of
which Python's `\w` takes. The standard library's `re` has no `\p{L}`, hence the code.

Pure.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class IdentifierRule:
    """A kind of identifier: its length, the `marks` it may hold besides letters and digits.

    Letters are all of Unicode's, or A-Z and a-z where `ascii_only`, which also takes `.` and `..`.
    """

    longest: int
    marks: str
    ascii_only: bool = False

    @property
    def allowed(self) -> str:
        """What such an identifier is made of, in words."""
        marks = " ".join(self.marks)
        return f"A-Z a-z 0-9 {marks}" if self.ascii_only else f"letters, digits and {marks}"

    def accepts(self, text: str) -> bool:
        """Tell whether Port takes a text for such an identifier."""
        return bool(text) and not self.problem(text)

    def problem(self, text: str) -> str:
        """Say why Port would refuse an identifier that is not empty; empty if it would not."""
        if len(text) > self.longest:
            return f"gives {len(text)} characters, and Port takes {self.longest}"
        if text in (".", "..") and not self.ascii_only:
            return f"gives {text!r}, which Port refuses"
        if self._plain.fullmatch(text):
            return ""
        refused = dict.fromkeys(character for character in text if not self._takes(character))
        if not refused:
            return ""
        return f"gives characters that Port refuses: {' '.join(map(ascii, refused))}"

    @cached_property
    def _plain(self) -> re.Pattern[str]:
        # Nearly every identifier is plain, and previews check one per alert.
        return re.compile(f"[A-Za-z0-9{re.escape(self.marks)}]+")

    def _takes(self, character: str) -> bool:
        if character.isascii():
            return character.isalnum() or character in self.marks
        # What this Python's Unicode does not know yet ("Cn") may be a letter in Port's: it passes.
        return not self.ascii_only and unicodedata.category(character).startswith(("L", "Cn"))


BLUEPRINT = IdentifierRule(100, "@_.+:\\/-")
PROPERTY = IdentifierRule(100, "@_=\\-", ascii_only=True)
"""Of properties (mirror, calculation and aggregation ones as well) and relations."""
ENTITY = IdentifierRule(1000, "@_.+:\\/=-")
