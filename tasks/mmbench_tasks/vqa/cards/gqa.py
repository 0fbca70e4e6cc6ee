"""GQA, test-dev, balanced: questions made from scene graphs."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.questions import question_rows
from mmbench_tasks.vqa.card import VqaCard

CARD = VqaCard(
    name="vqa/gqa",
    description="questions made from scene graphs, test-dev, balanced; the answer must be equal but for case and a stop",
    licence="unknown",
    citation="Hudson and Manning, GQA: A New Dataset for Real-World Visual Reasoning and Compositional Question Answering, CVPR 2019",
    source=Distribution(
        rows_of=question_rows,
        name="gqa",
        hub=Hub(
            id="lmms-lab-encoder/GQA",
            also=("lmms-lab/GQA",),
            revision="388eadb3fad5cc6818bf6e2ac7a64d809c6e59e7",
            config="testdev_balanced_instructions",
            splits={"test": "testdev"},
            fields=Fields(image="imageId"),
            image_config="testdev_balanced_images",
        ),
        official=Official(
            files={"test": ("testdev_balanced_questions*.json",)},
            images=("images",),
            fields=Fields(image="{imageId}.jpg"),
            url="https://cs.stanford.edu/people/dorarad/gqa/download.html",
        ),
        fields=Fields(
            id="id",
            question="question",
            answer="answer",
            media="imageId",
            group="imageId",
            slices__structural="types.structural",
        ),
    ),
    prompt="short-phrase-v1",
    variant="gqa",
    results=Fields(id="questionId", prediction="prediction"),
    samples=12_578,
    published={"LLaVA-1.5-7B": "62.0", "LLaVA-1.5-13B": "63.3: LLaVA, MODEL_ZOO.md"},
    verified="the equality of the official eval.py after LLaVA's conversion",
)
