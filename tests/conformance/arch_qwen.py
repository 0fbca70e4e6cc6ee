"""Qwen's vision-language models, and those that are written like them: InternVL, Ovis2, LLaVA-OneVision, GLM-4.1V."""

from typing import Any

from arch_parts import IM, IM_ENDS, IM_TOKENS, TEXT, VISION, WIDTH, Architecture, finished, rope, tokenizer, turns

SEES = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
WRITES = turns(**IM, image="<|vision_start|><|image_pad|><|vision_end|>")
THINKS = (
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}"
)
SAMPLING = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
GRID = {"mrope_section": [2, 2, 2]}
BLOCKS = {"depth": 2, "num_heads": 2, "spatial_merge_size": 2, "temporal_patch_size": 2}


def _words() -> tuple[Any, dict[str, int]]:
    words = tokenizer([*IM_TOKENS, *SEES], kind="Qwen2", eos="<|im_end|>", pad="<|endoftext|>")
    names = ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id")
    return words, {name: words.convert_tokens_to_ids(token) for name, token in zip(names, SEES, strict=True)}


def _text(words: Any, **more: Any) -> dict[str, Any]:
    return {**TEXT, "vocab_size": len(words), "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0, **more}


def _images(side: int) -> Any:
    import transformers as t

    return t.Qwen2VLImageProcessor(patch_size=side, min_pixels=(2 * side) ** 2 * 4, max_pixels=(2 * side) ** 2 * 40)


def qwen2_vl() -> tuple[Any, Any]:
    import transformers as t

    words, ids = _words()
    vision = {**BLOCKS, "embed_dim": 24, "hidden_size": WIDTH, "mlp_ratio": 2, "patch_size": 14}
    config = t.Qwen2VLConfig(text_config=_text(words, **rope(1e6, **GRID)), vision_config=vision, **ids)
    processor = t.Qwen2VLProcessor(_images(14), words, t.Qwen2VLVideoProcessor(), chat_template=WRITES)
    return finished(t.Qwen2VLForConditionalGeneration(config), processor, [2], **IM_ENDS, **SAMPLING)


def qwen2_5_vl() -> tuple[Any, Any]:
    import transformers as t

    words, ids = _words()
    vision = {**BLOCKS, "hidden_size": 24, "intermediate_size": 48, "out_hidden_size": WIDTH, "patch_size": 14}
    vision |= {"window_size": 56, "fullatt_block_indexes": [1]}
    config = t.Qwen2_5_VLConfig(text_config=_text(words, **rope(1e6, **GRID)), vision_config=vision, **ids)
    processor = t.Qwen2_5_VLProcessor(_images(14), words, t.Qwen2VLVideoProcessor(), chat_template=WRITES)
    left = {"repetition_penalty": 1.05, "num_beams": 2}
    return finished(t.Qwen2_5_VLForConditionalGeneration(config), processor, [2], **IM_ENDS, **left)


def _qwen3(kind: str, template: str, **text: Any) -> tuple[Any, Any]:
    import transformers as t

    words, ids = _words()
    vision = {**BLOCKS, "hidden_size": 24, "intermediate_size": 48, "out_hidden_size": WIDTH, "patch_size": 16}
    vision |= {"num_position_embeddings": 64}
    vision |= {"deepstack_visual_indexes": [0, 1]} if kind == "Qwen3VL" else {}
    grid = rope(5e6, **GRID, mrope_interleaved=True, **({"partial_rotary_factor": 1.0} if text else {}))
    config = getattr(t, f"{kind}Config")(
        text_config=_text(words, head_dim=12, **grid, **text), vision_config=vision, **ids
    )
    processor = t.Qwen3VLProcessor(_images(16), words, t.Qwen3VLVideoProcessor(), chat_template=template)
    return finished(getattr(t, f"{kind}ForConditionalGeneration")(config), processor, [2], **IM_ENDS)


def qwen3_vl() -> tuple[Any, Any]:
    return _qwen3("Qwen3VL", WRITES)


def qwen3_vl_thinking() -> tuple[Any, Any]:
    return _qwen3("Qwen3VL", turns(**IM, image="<|vision_start|><|image_pad|><|vision_end|>", open_=THINKS))


def qwen3_5() -> tuple[Any, Any]:
    heads = {f"linear_{part}_head_dim": 8 for part in ("key", "value")}
    heads |= {"linear_num_key_heads": 2, "linear_num_value_heads": 4}
    return _qwen3("Qwen3_5", WRITES, **heads, layer_types=["linear_attention", "full_attention"])


def internvl() -> tuple[Any, Any]:
    import transformers as t

    named = {"start_image_token": "<img>", "end_image_token": "</img>"}
    named |= {"context_image_token": "<IMG_CONTEXT>", "video_token": "<video>"}
    words = tokenizer([*IM_TOKENS, *named.values()], eos="<|im_end|>", pad="<|endoftext|>", named=named)
    config = t.InternVLConfig(
        vision_config={**VISION, "image_size": [56, 56], "patch_size": [14, 14]},
        text_config={"model_type": "qwen2", **_text(words)},
        image_token_id=words.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        downsample_ratio=0.5,
    )
    processor = t.InternVLProcessor(
        _tiles(),
        words,
        t.InternVLVideoProcessor(size={"height": 56, "width": 56}),
        image_seq_length=4,
        chat_template=turns(**IM, image="<IMG_CONTEXT>\n"),
    )
    return finished(t.InternVLForConditionalGeneration(config), processor, [2], **IM_ENDS)


def _tiles() -> Any:
    import transformers as t

    side = {"height": 56, "width": 56}
    return t.GotOcr2ImageProcessor(size=side, crop_to_patches=True, min_patches=1, max_patches=4)


def ovis2() -> tuple[Any, Any]:
    import transformers as t

    marks = ["<IMG_START>", "<IMG_GRID>", "<IMG_COL>", "<IMG_ROW>", "<IMG_END>"]
    words = tokenizer([*IM_TOKENS, "<image>", "<IMG_ATOM>", *marks], eos="<|im_end|>", pad="<|endoftext|>")
    vision = {**VISION, "image_size": 56, "patch_size": 14, "vocab_size": 40, "hidden_stride": 2}
    config = t.Ovis2Config(
        vision_config={**vision, "num_visual_indicator_tokens": 5},
        text_config={"model_type": "qwen2", **_text(words)},
        image_token_id=words.convert_tokens_to_ids("<IMG_ATOM>"),
        visual_indicator_token_ids=words.convert_tokens_to_ids(marks),
        vocab_size=len(words),
        hidden_size=WIDTH,
    )
    side = {"height": 56, "width": 56}
    images = t.Ovis2ImageProcessor(size=side, crop_to_patches=True, min_patches=1, max_patches=4)
    written = turns(**IM, image="<image>\n")
    processor = t.Ovis2Processor(images, words, image_token="<image>", image_seq_length=4, chat_template=written)
    return finished(t.Ovis2ForConditionalGeneration(config), processor, [2], **IM_ENDS)


def glm4v() -> tuple[Any, Any]:
    import transformers as t

    marks = [f"<|{part}{kind}|>" for kind in ("image", "video") for part in ("begin_of_", "", "end_of_")]
    roles = ["<|endoftext|>", "[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "<|system|>"]
    named = {"image_token": "<|image|>", "video_token": "<|video|>"}
    words = tokenizer([*roles, *marks], eos="<|endoftext|>", pad="<|endoftext|>", named=named)
    ids = dict(
        zip(("image_start", "image", "image_end", "video_start", "video", "video_end"), range(6, 12), strict=True)
    )
    vision = {**BLOCKS, "hidden_size": 24, "intermediate_size": 48, "out_hidden_size": WIDTH}
    text = {**TEXT, "vocab_size": len(words), "eos_token_id": 0, "pad_token_id": 0}
    config = t.Glm4vConfig(
        text_config={**text, **rope(1e4, mrope_section=[1, 1, 1], partial_rotary_factor=0.5)},
        vision_config={**vision, "image_size": 112, "patch_size": 14},
        **{f"{name}_token_id": number for name, number in ids.items()},
    )
    written = turns(
        "<|ROLE|>\n", "<|assistant|>\n", before="[gMASK]<sop>", image="<|begin_of_image|><|image|><|end_of_image|>"
    )
    images = t.Glm4vImageProcessor(size={"shortest_edge": 56 * 56, "longest_edge": 112 * 224})
    processor = t.Glm4vProcessor(images, words, t.Glm4vVideoProcessor(), chat_template=written)
    return finished(t.Glm4vForConditionalGeneration(config), processor, [0], eos_token_id=[0, 3], pad_token_id=0)


QWEN = {
    "qwen2-vl": Architecture(build=qwen2_vl),
    "qwen2.5-vl": Architecture(build=qwen2_5_vl),
    "qwen3-vl": Architecture(build=qwen3_vl, since="4.57"),
    "qwen3-vl-thinking": Architecture(build=qwen3_vl_thinking, since="4.57"),
    "qwen3.5": Architecture(build=qwen3_5, since="5.2"),
    "internvl": Architecture(build=internvl),
    "ovis2": Architecture(build=ovis2),
    "glm-4.1v": Architecture(build=glm4v),
}
