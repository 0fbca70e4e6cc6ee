"""MME: fourteen tasks of perception and cognition, two questions an image."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub, Official
from mmbench_tasks.yes_no.card import YesNoCard
from mmbench_tasks.yes_no.mme_files import numbered_rows, read_folder

CARD = YesNoCard(
    name="yes-no/mme",
    description="fourteen tasks of perception and cognition, two questions an image, read by the rule of the official script",
    licence="unknown",
    citation="Fu et al., MME: A Comprehensive Evaluation Benchmark for Multimodal Large Language Models, arXiv 2306.13394",
    source=Distribution(
        rows_of=numbered_rows,
        hub=Hub(
            id="lmms-lab-encoder/MME",
            also=("lmms-lab/MME",),
            unpinned="no full hash is known; the head was d6c9023",
        ),
        official=Official(
            files={"test": ()},
            read=read_folder,
            images=("MME_Benchmark_release_version", "MME_Benchmark"),
            url="https://github.com/BradyFU/Awesome-Multimodal-Large-Language-Models/tree/Evaluation",
        ),
        fields=Fields(
            id="question_id",
            question="question",
            answer="answer",
            image="image",
            media="question_id",
            slices__category="category",
            meta__image="question_id",
        ),
    ),
    prompt="question-only-v1",
    extractor="mme-official",
    metrics=("mme_perception", "mme_cognition", "accuracy", "accuracy_plus", "predicted_rate(positive=yes)"),
    groups={"image": "image"},
    samples=2_374,
    published={
        "LaVIN": "963.61 perception, 249.64 cognition: the responses that the official tool ships",
        "LLaVA-1.5-7B": "1510.7 perception: LLaVA, MODEL_ZOO.md",
    },
    verified="the rules of the official calculation.py",
)
