"""BLINK: perception that people have at a glance, fourteen tasks over one to four images."""

from __future__ import annotations

from mmbench.data import Distribution, Fields, Hub
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.questions import question_rows

_TASKS = (
    "Art_Style",
    "Counting",
    "Forensic_Detection",
    "Functional_Correspondence",
    "IQ_Test",
    "Jigsaw",
    "Multi-view_Reasoning",
    "Object_Localization",
    "Relative_Depth",
    "Relative_Reflectance",
    "Semantic_Correspondence",
    "Spatial_Relation",
    "Visual_Correspondence",
    "Visual_Similarity",
)

CARD = McqCard(
    name="mcq/blink",
    description="fourteen tasks of perception over one to four images, such as relative depth, correspondence and forensic detection",
    licence="Apache-2.0",
    citation="Fu et al., BLINK: Multimodal Large Language Models Can See but Not Perceive, ECCV 2024",
    source=Distribution(
        rows_of=question_rows,
        hub=Hub(
            id="BLINK-Benchmark/BLINK",
            unpinned="no full hash of the present head is known",
            configs=_TASKS,
            splits={"test": "val"},  # the answers of its test split are kept back
        ),
        fields=Fields(
            id="idx",
            question="prompt",
            choices="choices",
            answer="answer",
            image=("image_1", "image_2", "image_3", "image_4"),
            media="idx",
            slices__task="sub_task",
            answer_is="letter",
        ),
    ),
    listed=False,  # the column `prompt` ends with the options and their letters
    max_images=4,
    samples=1_901,
)
