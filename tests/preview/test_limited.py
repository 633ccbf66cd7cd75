"""Bodies evaluated within limits give what they give without, or name what never ends."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.jq_bombs import GIVEN_UP, build_webhook

from falcoport.falco.samples import samples
from falcoport.falcosidekick.forward import forwarded
from falcoport.mapping.evaluator_process import MappingLimitError
from falcoport.mapping.limited_process import Limits
from falcoport.preview.engine import MapperOptions, build_pipeline
from falcoport.preview.limited import open_evaluation

BODIES = [json.loads(forwarded(sample.line)) for sample in samples()]


@pytest.mark.parametrize("expression", [".body.rule", '.body.rule | gsub(" "; "-")'])
def test_several_threads_get_what_the_pipeline_gives(expression: str) -> None:
    options = MapperOptions(build_webhook(expression)["mappings"])
    expected = build_pipeline(options).evaluate(BODIES)
    with open_evaluation(options) as evaluate, ThreadPoolExecutor(3) as threads:
        assert list(threads.map(evaluate, [BODIES] * 6)) == [expected] * 6


def test_what_never_ends_is_named() -> None:
    mappings = build_webhook("until(false; .)")["mappings"]
    options = MapperOptions(mappings, limits=Limits(seconds=0.5))
    with open_evaluation(options) as evaluate, pytest.raises(MappingLimitError) as caught:
        evaluate(BODIES)
    assert caught.value.where == "mappings[0].entity.title"


def test_a_regular_expression_that_jq_gives_up_is_named() -> None:
    options = MapperOptions(build_webhook(GIVEN_UP)["mappings"])
    with open_evaluation(options) as evaluate, pytest.raises(MappingLimitError) as caught:
        evaluate(BODIES[:1])
    assert caught.value.where == "mappings[0].entity.title"
