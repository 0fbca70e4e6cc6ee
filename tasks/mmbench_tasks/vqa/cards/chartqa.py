"""ChartQA, test: questions about charts, asked by people and by a program."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.official import one_after_the_other
from mmbench_tasks.vqa.card import VqaCard
from mmbench_tasks.vqa.rows import numbered_rows

CARD = VqaCard(
    name="vqa/chartqa",
    description="questions about charts, 1,250 by people (human) and 1,250 by a program (augmented); numbers within 5 %",
    licence="GPL-3.0",
    citation="Masry et al., ChartQA: A Benchmark for Question Answering about Charts, Findings of ACL 2022",
    source=Distribution(
        rows_of=numbered_rows,
        name="chartqa",
        hub=Hub(
            id="HuggingFaceM4/ChartQA",
            revision="b605b6e08b57faf4359aeb2fe6a3ca595f99b6c5",
            fields=Fields(answers="label", image="image", slices__part="human_or_machine"),
        ),
        official=Official(
            files={"test": ()},
            read=one_after_the_other({"human": "test_human*.json", "augmented": "test_augmented*.json"}, "part"),
            alone=("test_human*.json", "test_augmented*.json"),
            images=("png", "test/png"),
            fields=Fields(answer="label", image="imgname", media="imgname", slices__part="part"),
            url="https://github.com/vis-nlp/ChartQA",
        ),
        fields=Fields(question="query"),
    ),
    prompt="single-word-v1",
    variant="relaxed",
    samples=2_500,
    verified="the rule of pix2struct, in unit tests",
)
