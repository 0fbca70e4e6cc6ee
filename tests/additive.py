"""Models that add up what each modality says by itself, and what they may not get."""

from collections.abc import Callable, Sequence
from typing import Any

from mmbench.core import Response, Sample


def check_no_whole_block(task: Any, asked: Sequence[Sample], draw: Callable[[], float]) -> None:
    """Ask a model whose score of a choice is f(picture, choice) + g(text, choice): it is right on no whole block.

    `draw` gives the terms. A block of which it leaves every answer tied is excused: it gets the chance of ties there.
    """
    terms: dict[tuple[str, str], float] = {}

    def additive(request: Any) -> list[float]:
        keys = request.images[0].digest, request.text
        for key in keys:
            for choice in request.choices:
                if (key, choice) not in terms:
                    terms[key, choice] = draw()
        return [sum(terms[key, choice] for key in keys) for choice in request.choices]

    outputs = [additive(task.requests(sample)[0]) for sample in asked]
    tables = task.score(asked, [[Response("ok", output)] for output in outputs])
    undecided = {sample.group: True for sample in asked}
    for sample, output in zip(asked, outputs, strict=True):
        undecided[sample.group] &= len(set(output)) == 1
    for group, right in zip(tables["block"].unit_ids, tables["block"].columns["right"], strict=True):
        assert undecided[group] or right == 0, group
