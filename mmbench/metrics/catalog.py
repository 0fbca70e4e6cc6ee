"""The metrics that exist, as text for people. Importing it loads no numpy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricCard:
    """One metric, or one family of metrics that differ in a cut-off or a direction."""

    pattern: str
    """The id, with ``k`` for a cut-off and ``…`` for the value of a parameter."""
    description: str
    """What it measures, in one or two sentences."""
    higher_is_better: bool
    """Direction."""
    range: str
    """Natural range, in words or as an interval."""
    reference: str
    """Source of the formula or of the convention."""
    target: str
    """``module:attribute`` of the function that makes the metric."""


_FORMULAS = "mmbench.metrics.formulas"
_CLASSES = "mmbench.metrics.classes"
_REGRESSION = "mmbench.metrics.regression"
_RETRIEVAL = "mmbench.metrics.retrieval:retrieval_metrics"
_CAPTIONS = "mmbench.metrics.captions.metrics:caption_metrics"
_OFFICIAL = "values equal to pycocoevalcap 1.2"
_TIES = "ties: expected value over uniformly random orders"
_ON_REQUEST = "On request: ties=optimistic, ties=pessimistic, protocol=1k (as protocol=1k-5fold)."

CATALOG: tuple[MetricCard, ...] = (
    MetricCard(
        pattern="accuracy",
        description="Share of the answers that are right; an output without an answer counts as wrong.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over samples",
        target=f"{_FORMULAS}:mean_metric",
    ),
    MetricCard(
        pattern="vqa_accuracy(variant=…)",
        description="What answers are worth among those of several people: min(1, matches / 3), each person left out in "
        "turn. Variants: official-2021, always-normalised, textvqa-evalai, exact.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over samples; Antol et al. 2015 and the evaluators that the variants are named after",
        target="mmbench.metrics.vqa:vqa_metric",
    ),
    MetricCard(
        pattern="block_accuracy",
        description="Share of the Latin-square blocks, K pictures × K questions, on which every answer is right.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over blocks; ties: probability that all are right, each broken at random by itself",
        target=f"{_FORMULAS}:mean_metric",
    ),
    MetricCard(
        pattern="f1(average=…)",
        description="Harmonic mean of precision and recall of every class of the data set, as macro, micro or weighted average. "
        "An output without an answer misses its class; a class that neither occurs nor is predicted is left out.",
        higher_is_better=True,
        range="[0, 1]",
        reference="sums of hits, predictions and occurrences; as scikit-learn's f1_score with the labels of the data set and "
        "zero_division=nan",
        target=f"{_CLASSES}:f1_metric",
    ),
    MetricCard(
        pattern="f1(average=…,zero_division=…)",
        description="The same, where a class that neither occurs nor is predicted counts 0 or 1 in the mean.",
        higher_is_better=True,
        range="[0, 1]",
        reference="as scikit-learn's f1_score with that zero_division",
        target=f"{_CLASSES}:f1_metric",
    ),
    MetricCard(
        pattern="mae",
        description="Mean distance of the predicted from the true score, over the answers that hold a number.",
        higher_is_better=False,
        range="from 0 up",
        reference="mean absolute error",
        target=f"{_REGRESSION}:number_metrics",
    ),
    MetricCard(
        pattern="pearson",
        description="Correlation of predicted and true scores, over the answers that hold a number; null where either does "
        "not vary.",
        higher_is_better=True,
        range="[-1, 1]",
        reference="Pearson's product-moment correlation, from sums of centred products",
        target=f"{_REGRESSION}:number_metrics",
    ),
    MetricCard(
        pattern="acc7",
        description="Share of the scores that fall into the right of seven classes: clipped to [-3, 3], rounded half to even.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over samples; the same in MMSA and MulT",
        target=f"{_REGRESSION}:sentiment_metrics",
    ),
    MetricCard(
        pattern="acc5",
        description="Share of the scores that fall into the right of five classes: clipped to [-2, 2], rounded half to even.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over samples; the same in MMSA and MulT",
        target=f"{_REGRESSION}:sentiment_metrics",
    ),
    MetricCard(
        pattern="acc2(convention=…,zero=…)",
        description="Share of the scores on the right side of 0. zero=without leaves samples out whose label is 0; "
        "zero=with has them: convention=mmsa then tells < 0 from >= 0, convention=mult <= 0 from > 0.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over samples; MetricsTop of MMSA, eval_mosei_senti of MulT",
        target=f"{_REGRESSION}:sentiment_metrics",
    ),
    MetricCard(
        pattern="f1(average=…,classes=…,convention=…,zero=…)",
        description="Weighted F1 of the two classes of acc2. convention=mult weighs by the predictions, since MulT hands "
        "predictions and labels over in the wrong order: a constant answer gets .738 where mmsa says .432; an answer "
        "without a number is then the wrong class, else of none.",
        higher_is_better=True,
        range="[0, 1]",
        reference="MetricsTop of MMSA, eval_mosei_senti of MulT",
        target=f"{_REGRESSION}:sentiment_metrics",
    ),
    MetricCard(
        pattern="hit_rate@k(direction=…)",
        description="Share of the queries with at least one right item among the first k. "
        "For pictures with several captions this is what the literature calls recall@k. " + _ON_REQUEST,
        higher_is_better=True,
        range="[0, 1]",
        reference=f"mean over queries; {_TIES}",
        target=_RETRIEVAL,
    ),
    MetricCard(
        pattern="recall@k(direction=…)",
        description="Share of a query's right items that are among the first k, averaged over queries. "
        "With one right item a query it equals hit_rate@k. " + _ON_REQUEST,
        higher_is_better=True,
        range="[0, 1]",
        reference=f"mean over queries; {_TIES}",
        target=_RETRIEVAL,
    ),
    MetricCard(
        pattern="median_rank(direction=…)",
        description="Median over queries of the expected rank of the first right item, counted from 1.",
        higher_is_better=False,
        range="[1, size of the gallery]",
        reference=f"median over queries; {_TIES}",
        target=_RETRIEVAL,
    ),
    MetricCard(
        pattern="mean_rank(direction=…)",
        description="Mean over queries of the expected rank of the first right item, counted from 1.",
        higher_is_better=False,
        range="[1, size of the gallery]",
        reference=f"mean over queries; {_TIES}",
        target=_RETRIEVAL,
    ),
    MetricCard(
        pattern="mrr(direction=…)",
        description="Mean over queries of the reciprocal rank of the first right item.",
        higher_is_better=True,
        range="[0, 1]",
        reference=f"mean over queries; {_TIES}",
        target=_RETRIEVAL,
    ),
    MetricCard(
        pattern="pair_accuracy(direction=…)",
        description="Share of the pairs of which both queries score their own item above the other's.",
        higher_is_better=True,
        range="[0, 1]",
        reference=f"mean over pairs; for t2i the image score of Winoground (Thrush et al. 2022); {_TIES}",
        target="mmbench.metrics.retrieval:pair_metric",
    ),
    MetricCard(
        pattern="bleu@k",
        description="How many of the captions' n-grams, up to k words, stand in the references, over the whole corpus; "
        "captions that are too short are worth less.",
        higher_is_better=True,
        range="[0, 1]",
        reference=f"corpus level, closest reference length; Papineni et al. 2002; {_OFFICIAL}",
        target=_CAPTIONS,
    ),
    MetricCard(
        pattern="rouge_l",
        description="How much of a caption and of its references follows in the same order: the longest common "
        "subsequence of words.",
        higher_is_better=True,
        range="[0, 1]",
        reference=f"mean over images, beta = 1.2; Lin 2004; {_OFFICIAL}",
        target=_CAPTIONS,
    ),
    MetricCard(
        pattern="cider_d",
        description="How much a caption agrees with all its references in n-grams that few images have. "
        "What papers on COCO call CIDEr; needs the references of at least two images.",
        higher_is_better=True,
        range="[0, 10]",
        reference=f"mean over images; document frequencies of the references that are scored; Vedantam et al. 2015; {_OFFICIAL}",
        target=_CAPTIONS,
    ),
    MetricCard(
        pattern="exact_match",
        description="Share of the captions that equal one of their references after the official tokenisation, where all "
        "right wordings are known.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over samples",
        target=f"{_FORMULAS}:mean_metric",
    ),
    MetricCard(
        pattern="attribute_accuracy",
        description="How many of a picture's facts a caption states, however it is worded: coloured shapes and their order. "
        "Statements that are wrong cost as much as facts that are missing.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over samples of the intersection over the union of stated and true facts",
        target=f"{_FORMULAS}:mean_metric",
    ),
    MetricCard(
        pattern="meteor",
        description="Words in common with the best reference, stems, synonyms and paraphrases among them, and how "
        "scattered they are. Needs Java and the extra coco.",
        higher_is_better=True,
        range="[0, 1]",
        reference=f"corpus level, METEOR 1.5 for English; Denkowski and Lavie 2014; {_OFFICIAL}",
        target=_CAPTIONS,
    ),
    MetricCard(
        pattern="spice",
        description="Objects, attributes and relations in common with the references. Needs Java, the extra coco and "
        "the Stanford models that it reads.",
        higher_is_better=True,
        range="[0, 1]",
        reference="mean over images; SPICE 1.0 as in pycocoevalcap 1.2; Anderson et al. 2016",
        target=_CAPTIONS,
    ),
)
"""Every metric of this package, as tasks offer them."""
