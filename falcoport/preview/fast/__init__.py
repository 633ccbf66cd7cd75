"""An optional speed path of `preview`: the results of `plain`, several times faster.

Nothing but the switch in `preview/engine.py` imports it, and the product is right without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.preview.fast.alert_reader import FastAlertReader
from falcoport.preview.fast.evaluator import FastBodyEvaluator
from falcoport.preview.interface import Pipeline

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_REPEATING = ("tags", "rule", "priority", "source")  # there are as many as there are rules


def build_pipeline(
    mappings: Sequence[Mapping[str, Any]],
    custom_tags: Sequence[str],
    shipped: Collection[str] = (),
) -> Pipeline:
    """Return the pipeline for a webhook's mappings and Falcosidekick's custom tags.

    `shipped` are those of the mappings' expressions that falcoport itself writes.
    """
    evaluator = FastBodyEvaluator(mappings, repeating=_REPEATING, shipped=shipped)
    reader = FastAlertReader(
        custom_tags,
        with_uuid=evaluator.may_read("uuid"),
        in_order=evaluator.computes_with("output_fields"),
    )
    return Pipeline(reader.read, evaluator.evaluate)
