"""MMBench, English development set of 2023-12, in all rotations of the options."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.mcq.rows import circular_rows

CARD = McqCard(
    name="mcq/mmbench-en-dev",
    description="1,164 questions in 4,329 rotations (CircularEval, read by rules); protocol=vanilla asks the first rotation alone",
    licence="Apache-2.0",
    citation="Liu et al., MMBench: Is Your Multi-modal Model an All-around Player?, ECCV 2024",
    source=Distribution(
        rows_of=circular_rows,
        hub=Hub(
            id="lmms-lab-encoder/MMBench",
            also=("lmms-lab/MMBench",),
            unpinned="no full hash is known; the last change of the data was 56ba1af",
            config="en",
            splits={"test": "dev"},
            fields=Fields(slices__category="category"),
        ),
        official=Official(
            files={"test": ("MMBench_DEV_EN*.tsv",)},
            url="https://github.com/open-compass/MMBench",
        ),
        fields=Fields(
            id="index",
            question="question",
            choices=("A", "B", "C", "D"),
            answer="answer",
            image="image",
            meta__hint="hint",
            slices__category="category",
            answer_is="letter",
        ),
    ),
    judged=True,
    circular=True,
    samples=4_329,
    verified="the grouping of rotations by the index; the published numbers ask a language model where rules find nothing",
)
