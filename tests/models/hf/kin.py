"""Tiny two-tower checkpoints of many makes, random weights, built on the spot."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tiny

TOKENIZERS = {
    **dict.fromkeys(("align", "blip", "chinese_clip", "flava"), "BertTokenizerFast"),
    "altclip": "XLMRobertaTokenizerFast",
}
"""Classes of tokenizers that the processors of transformers 4 insist on."""
SIDE = 32
"""Pixels of the pictures that they see."""
POSITIONS = 64
"""Tokens that they read."""
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
SEES = {**SIZES, "image_size": SIDE, "patch_size": 8}
ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}


def build(make: str, folder: Path, **tokenizer: Any) -> Path:
    """A checkpoint of this make; `tokenizer` are attributes to set of its tokenizer."""
    import torch

    kind = TOKENIZERS.get(make) if version("transformers") < "5" else None
    words = tiny.tokenizer(kind or "PreTrainedTokenizerFast")
    for name, value in tokenizer.items():
        setattr(words, name, value)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, processor = MAKES[make]({**SIZES, "vocab_size": len(words), "max_position_embeddings": POSITIONS}, words)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _pictures(make: str, name: str, **options: Any) -> Any:
    return tiny.image_processor(make, name, **{"size": {"height": SIDE, "width": SIDE}, **options})


def _cropped(make: str, name: str) -> Any:
    return _pictures(make, name, crop_size={"height": SIDE, "width": SIDE})


def _siglip(reads: dict[str, Any], words: Any) -> Any:
    import transformers as t

    config = t.SiglipConfig(text_config={**reads, "projection_size": 32}, vision_config=SEES)
    return t.SiglipModel(config), t.SiglipProcessor(_pictures("siglip", "Siglip"), words)


def _siglip2(reads: dict[str, Any], words: Any) -> Any:
    import transformers as t

    sees = {**SIZES, "patch_size": 16, "num_patches": 16}
    config = t.Siglip2Config(text_config={**reads, "projection_size": 32}, vision_config=sees)
    pictures = tiny.image_processor("siglip2", "Siglip2", patch_size=16, max_num_patches=16)
    return t.Siglip2Model(config), t.Siglip2Processor(pictures, words)


def _align(reads: dict[str, Any], words: Any) -> Any:
    import transformers as t

    blocks = {"kernel_sizes": [3, 3], "in_channels": [32, 16], "out_channels": [16, 24], "strides": [1, 2]}
    blocks |= {"num_block_repeats": [1, 1], "expand_ratios": [1, 6]}
    sees = {"image_size": SIDE, "width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 32, **blocks}
    config = t.AlignConfig(text_config=reads, vision_config={**sees, "depthwise_padding": []}, projection_dim=24)
    return t.AlignModel(config), t.AlignProcessor(_pictures("efficientnet", "EfficientNet"), words)


def _blip(reads: dict[str, Any], words: Any) -> Any:
    import transformers as t

    wide = {"initializer_range": 0.02}  # its own is so small that every picture is alike
    text = {**reads, **ENDS, **wide, "encoder_hidden_size": 32, "projection_dim": 16, "sep_token_id": 2}
    config = t.BlipConfig(text_config=text, vision_config={**SEES, **wide}, projection_dim=16)
    return t.BlipModel(config), t.BlipProcessor(_pictures("blip", "Blip"), words)


def _altclip(reads: dict[str, Any], words: Any) -> Any:
    import transformers as t

    text = {**reads, "project_dim": 32, "pad_token_id": 1, "max_position_embeddings": POSITIONS + 2}
    config = t.AltCLIPConfig(text_config=text, vision_config=SEES, projection_dim=16)
    return t.AltCLIPModel(config), t.AltCLIPProcessor(tiny._pictures(), words)


def _chinese_clip(reads: dict[str, Any], words: Any) -> Any:
    import transformers as t

    config = t.ChineseCLIPConfig(text_config=reads, vision_config=SEES, projection_dim=16)
    return t.ChineseCLIPModel(config), t.ChineseCLIPProcessor(_cropped("chinese_clip", "ChineseCLIP"), words)


def _metaclip_2(reads: dict[str, Any], words: Any) -> Any:
    import transformers as t

    config = t.MetaClip2Config(text_config={**reads, "eos_token_id": 2}, vision_config=SEES, projection_dim=16)
    return t.MetaClip2Model(config), t.CLIPProcessor(tiny._pictures(), words)


def _dual(reads: dict[str, Any], words: Any) -> Any:
    import transformers as t

    of = t.VisionTextDualEncoderConfig.from_vision_text_configs
    config = of(t.ViTConfig(**SEES), t.BertConfig(**reads), projection_dim=16)
    processor = t.VisionTextDualEncoderProcessor(_pictures("vit", "ViT"), words)
    return t.VisionTextDualEncoderModel(config=config), processor


def _flava(reads: dict[str, Any], words: Any) -> Any:
    import transformers as t

    config = t.FlavaConfig(
        text_config=reads, image_config=SEES, multimodal_config=SIZES, hidden_size=32, projection_dim=16
    )
    return t.FlavaModel(config), t.FlavaProcessor(_cropped("flava", "Flava"), words)


MAKES: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "siglip": _siglip,
    "siglip2": _siglip2,
    "align": _align,
    "blip": _blip,
    "altclip": _altclip,
    "chinese_clip": _chinese_clip,
    "metaclip_2": _metaclip_2,
    "dual": _dual,
    "flava": _flava,
}
