"""Tiny checkpoints in the Hugging Face layout, random weights, built on the spot."""

import importlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mmbench import Media
from mmbench.data import image_from_array

WORDS = "what which colour is the circle square ring star left right of above answer with one word yes no red blue green user assistant"
TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>\n{% else %}{{ c['text'] }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def picture(seed: int) -> Media:
    """Noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    return image_from_array(pixels)


def tokenizer(kind: str = "PreTrainedTokenizerFast") -> Any:
    """A byte-level BPE, trained on a few words; `kind` is the name of the class that it is wrapped in."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    built = Tokenizer(models.BPE(unk_token="<unk>"))
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if kind.startswith("Bert"):
        built.normalizer = normalizers.BertNormalizer(lowercase=False)
    built.decoder = decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>", "<pad>", "<image>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    built.train_from_iterator(
        [WORDS] * 3,
        trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    return getattr(transformers, kind)(
        tokenizer_object=built,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=["<image>"],
        model_max_length=64,
        model_input_names=["input_ids", "attention_mask"],
    )


def image_processor(make: str, name: str, **options: Any) -> Any:
    """An image processor that needs no torchvision: transformers 5 keeps those in modules of their own."""
    try:
        module = importlib.import_module(f"transformers.models.{make}.image_processing_pil_{make}")
        return getattr(module, f"{name}ImageProcessorPil")(**options)
    except ModuleNotFoundError:
        module = importlib.import_module(f"transformers.models.{make}.image_processing_{make}")
        return getattr(module, f"{name}ImageProcessor")(**options)


def _pictures() -> Any:
    return image_processor("clip", "CLIP", size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def llava(folder: Path, template: str | None = TEMPLATE) -> Path:
    """A LLaVA-like model with some 150,000 weights."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

    words = tokenizer()
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=words.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlavaForConditionalGeneration(config)
        for weight in model.parameters():  # wide enough for answers to depend on the picture
            weight.data.mul_(4)
    processor = LlavaProcessor(
        _pictures(),
        words,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def clip(folder: Path) -> Path:
    """A CLIP-like model."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor

    words = tokenizer()
    text = {"vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 2, "max_position_embeddings": 64, "eos_token_id": 2, "bos_token_id": 1}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"image_size": 32, "patch_size": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
    model.save_pretrained(folder)
    CLIPProcessor(_pictures(), words).save_pretrained(folder)
    return folder


def colpali(folder: Path) -> Path:
    """A ColPali-like model: PaliGemma with a projection of every token."""
    import torch
    from transformers import (
        ColPaliConfig,
        ColPaliForRetrieval,
        ColPaliProcessor,
        GemmaConfig,
        PaliGemmaConfig,
        SiglipVisionConfig,
    )

    words = tokenizer("GemmaTokenizerFast" if version("transformers") < "5" else "PreTrainedTokenizerFast")
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = GemmaConfig(
        **sizes, vocab_size=len(words), num_key_value_heads=1, head_dim=16, pad_token_id=3, eos_token_id=2
    )
    vision = SiglipVisionConfig(**sizes, image_size=32, patch_size=8, projection_dim=32)
    vlm = PaliGemmaConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        projection_dim=32,
        hidden_size=32,
    )
    words.image_token, words.image_token_id = "<image>", words.convert_tokens_to_ids("<image>")
    pictures = image_processor("siglip", "Siglip", size={"height": 32, "width": 32})
    pictures.image_seq_length = 16
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ColPaliForRetrieval(ColPaliConfig(vlm_config=vlm.to_dict(), embedding_dim=12))
        for weight in model.parameters():
            weight.data.mul_(4)
    model.save_pretrained(folder)
    ColPaliProcessor(pictures, words).save_pretrained(folder)
    return folder
