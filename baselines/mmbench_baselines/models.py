"""The baselines as models, one class each. Importing it loads no torch."""

from __future__ import annotations

from mmbench_baselines.adapter import AnsweringBaseline, CaptioningBaseline, EmbeddingBaseline


class TextOnly(AnsweringBaseline):
    """Answers from the question alone: what no image adds to."""

    baseline = "text-only"


class ImageOnly(AnsweringBaseline):
    """Answers from the image alone: what no question adds to."""

    baseline = "image-only"


class Late(AnsweringBaseline):
    """Averages the logits of one classifier a modality; additive."""

    baseline = "late"


class Sum(AnsweringBaseline):
    """Adds the modalities with learned weights; additive with its linear head."""

    baseline = "sum"


class Concat(AnsweringBaseline):
    """Concatenates image and question."""

    baseline = "concat"


class CnnLstm(AnsweringBaseline):
    """Concatenates image and question, the question read by an LSTM."""

    baseline = "cnn-lstm"


class Product(AnsweringBaseline):
    """Multiplies image and question feature by feature."""

    baseline = "product"


class Gated(AnsweringBaseline):
    """Gated multimodal unit: learned gates weigh the modalities."""

    baseline = "gated"


class Tensor(AnsweringBaseline):
    """Tensor fusion: the outer product of the modalities."""

    baseline = "tensor"


class LowRank(AnsweringBaseline):
    """Low-rank multimodal fusion: tensor fusion without the outer product."""

    baseline = "low-rank"


class Film(AnsweringBaseline):
    """The question scales and shifts the features of the image."""

    baseline = "film"


class Attention(AnsweringBaseline):
    """The question looks at the tokens of the image."""

    baseline = "attention"


class CrossAttention(AnsweringBaseline):
    """Words and image look at each other."""

    baseline = "cross-attention"


class Transformer(AnsweringBaseline):
    """Words and image in one stream."""

    baseline = "transformer"


class TwoTower(EmbeddingBaseline):
    """Embeds images and texts apart; learned with InfoNCE."""

    baseline = "two-tower"


class BagOfWords(EmbeddingBaseline):
    """Two towers whose text tower does not see the order of words."""

    baseline = "bag-of-words"


class Captioner(CaptioningBaseline):
    """Describes an image: attention to its parts for each word, greedy or beam search."""

    baseline = "captioner"


class CaptionerBlind(CaptioningBaseline):
    """The captioner without the image: what captions are like, whatever is shown."""

    baseline = "captioner-blind"
