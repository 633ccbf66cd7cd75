"""Templates of actions: texts with `{{ JQ }}` in them (Port docs, Define the backend).

A text that is nothing but one expression becomes its value, whatever its type; inside a longer
text a value is written out, null as nothing.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.expressions.limited import JqError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.sandbox.expressions.limited import LimitedJq

_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_DEPTH = 50


class Renderer:
    """Fills templates with the values of one context, and remembers what failed."""

    def __init__(self, jq: LimitedJq, context: Mapping[str, Any]) -> None:
        self._jq = jq
        self._context = context
        self.problems: list[str] = []

    def render(self, value: Any, depth: int = 0) -> Any:
        """Return a value with every template in it filled in; an expression that fails is null."""
        if depth > _DEPTH:
            return None
        if isinstance(value, str):
            return self._render_text(value)
        if isinstance(value, list):
            return [self.render(one, depth + 1) for one in value]
        if isinstance(value, dict):
            return {
                str(self._render_text(name)): self.render(one, depth + 1)
                for name, one in value.items()
            }
        return value

    def render_text(self, text: str) -> str:
        """Return a text with every template in it filled in, always as a text."""
        return _TEMPLATE.sub(lambda match: _write(self._evaluate(match[1])), text)

    def _render_text(self, text: str) -> Any:
        whole = _TEMPLATE.fullmatch(text.strip())
        if whole is not None and "{{" not in whole[1]:
            return self._evaluate(whole[1])
        return self.render_text(text)

    def _evaluate(self, expression: str) -> Any:
        try:
            return self._jq.evaluate(expression, self._context)
        except JqError as error:
            self.problems.append(f"{{{{{expression}}}}}: {error}")
            return None


def _write(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
