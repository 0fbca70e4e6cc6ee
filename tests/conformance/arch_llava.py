"""LLaVA and its kin, Mistral's vision models, Idefics, SmolVLM, DeepSeek-VL, Aya Vision, Mllama."""

from typing import Any

from arch_parts import (
    IM,
    IM_ENDS,
    IM_TOKENS,
    MODERN,
    TEXT,
    VISION,
    Architecture,
    finished,
    major,
    rope,
    tokenizer,
    turns,
)

OLD = ["<unk>", "<s>", "</s>", "<pad>", "<image>"]
OLD_ROLES = {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>"}
OLD_IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
ASKS = turns("ROLE: ", "assistant:", image="<image>\n", before="{{ bos_token }}", after=" ")
CLIP = {"model_type": "clip_vision_model", **VISION, "image_size": 56, "patch_size": 14}
SIGLIP = {"model_type": "siglip_vision_model", **VISION, "image_size": 56, "patch_size": 14, "vision_use_head": False}
PINPOINTS = [[56, 112], [112, 56], [112, 112]]


def _old() -> Any:
    return tokenizer(OLD, named={"image_token": "<image>"}, frame="<s> {}", **OLD_ROLES)


def _llama(words: Any, kind: str = "llama", **more: Any) -> dict[str, Any]:
    return {"model_type": kind, **TEXT, "vocab_size": len(words), **OLD_IDS, **more}


def _square() -> Any:
    import transformers as t

    return t.CLIPImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})


def llava() -> tuple[Any, Any]:
    return _llava(ASKS)


def llava_plain() -> tuple[Any, Any]:
    return _llava(None)


def llava_string() -> tuple[Any, Any]:
    """With the template of a tokenizer that knows texts alone."""
    written = "{{ bos_token }}{% for m in messages %}{{ m['role'] + ': ' + m['content'] + ' ' }}{% endfor %}assistant:"
    model, processor = _llava(None)
    processor.tokenizer.chat_template = written
    return model, processor


def _llava(template: str | None) -> tuple[Any, Any]:
    import transformers as t

    words = _old()
    config = t.LlavaConfig(vision_config=CLIP, text_config=_llama(words), image_token_index=4, vision_feature_layer=-2)
    processor = t.LlavaProcessor(
        _square(),
        words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    )
    return finished(t.LlavaForConditionalGeneration(config), processor, [2], **OLD_IDS)


def llava_next() -> tuple[Any, Any]:
    import transformers as t

    words = _old()
    config = t.LlavaNextConfig(
        vision_config=CLIP,
        text_config=_llama(words, "mistral"),
        image_token_index=4,
        image_grid_pinpoints=PINPOINTS,
        vision_feature_layer=-2,
    )
    side = {"height": 56, "width": 56}
    images = t.LlavaNextImageProcessor(size={"shortest_edge": 56}, crop_size=side, image_grid_pinpoints=PINPOINTS)
    processor = t.LlavaNextProcessor(
        images,
        words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=turns("[INST] ", "", image="<image>\n", before="{{ bos_token }}", after=" [/INST]"),
    )
    return finished(t.LlavaNextForConditionalGeneration(config), processor, [2], **OLD_IDS)


def llava_onevision() -> tuple[Any, Any]:
    import transformers as t

    named = {"image_token": "<image>", "video_token": "<video>"}
    words = tokenizer([*IM_TOKENS, *named.values()], eos="<|im_end|>", pad="<|endoftext|>", named=named)
    grid = [[56, 56], *PINPOINTS]
    shared = {"vision_feature_select_strategy": "full", "vision_aspect_ratio": "anyres_max_9"}
    config = t.LlavaOnevisionConfig(
        vision_config=SIGLIP,
        text_config={"model_type": "qwen2", **TEXT, "vocab_size": len(words), "eos_token_id": 2},
        image_token_index=3,
        video_token_index=4,
        image_grid_pinpoints=grid,
        vision_feature_layer=-1,
        **shared,
    )
    side = {"height": 56, "width": 56}
    processor = t.LlavaOnevisionProcessor(
        t.LlavaOnevisionImageProcessor(size=side, image_grid_pinpoints=grid),
        words,
        t.LlavaOnevisionVideoProcessor(size=side),
        num_image_tokens=16,
        chat_template=turns(**IM, image="<image>\n"),
        **shared,
    )
    return finished(t.LlavaOnevisionForConditionalGeneration(config), processor, [2], **IM_ENDS)


def vip_llava() -> tuple[Any, Any]:
    import transformers as t

    words = _old()
    layers = {"vision_feature_layers": [-2, -1]}
    config = t.VipLlavaConfig(vision_config=CLIP, text_config=_llama(words), image_token_index=4, **layers)
    processor = t.LlavaProcessor(
        _square(), words, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
    return finished(t.VipLlavaForConditionalGeneration(config), processor, [2], **OLD_IDS)


MISTRAL = ["<unk>", "<s>", "</s>", "<pad>", "[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]"]
INST = turns("[INST]", "", image="[IMG]", before="{{ bos_token }}", after="[/INST]")


def _pixtral(side: int, **more: int) -> tuple[Any, Any, dict[str, Any]]:
    import transformers as t

    words = tokenizer(MISTRAL, frame="<s> {}", **OLD_ROLES)
    images = t.PixtralImageProcessor(size={"longest_edge": 128}, patch_size={"height": side, "width": side})
    processor = t.PixtralProcessor(images, words, patch_size=side, chat_template=INST, **more)
    vision = {"model_type": "pixtral", **VISION, "image_size": 128, "patch_size": side, "head_dim": 12}
    return words, processor, vision


def pixtral() -> tuple[Any, Any]:
    import transformers as t

    words, processor, vision = _pixtral(16)
    config = t.LlavaConfig(
        vision_config=vision,
        text_config=_llama(words, "mistral"),
        image_token_index=6,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    return finished(t.LlavaForConditionalGeneration(config), processor, [2], bos_token_id=1, eos_token_id=2)


def mistral3() -> tuple[Any, Any]:
    import transformers as t

    words, processor, vision = _pixtral(8, spatial_merge_size=2)
    config = t.Mistral3Config(
        vision_config=vision,
        text_config=_llama(words, "mistral", head_dim=12),
        image_token_index=6,
        vision_feature_layer=-1,
        spatial_merge_size=2,
    )
    return finished(t.Mistral3ForConditionalGeneration(config), processor, [2], bos_token_id=1, eos_token_id=2)


IDEFICS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<end_of_utterance>",
    "<fake_token_around_image>",
    "<image>",
    "<global-img>",
]
IDEFICS += [f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)]
UTTERS = turns("ROLE: ", "Assistant:", image="<image>", before="<|im_start|>", after="<end_of_utterance>\n")


def _idefics(kind: str, **images: Any) -> tuple[Any, Any]:
    import transformers as t

    named = {"fake_image_token": IDEFICS[3], "image_token": "<image>", "end_of_utterance_token": IDEFICS[2]}
    named |= {"global_image_token": "<global-img>", "image_boundary_token": IDEFICS[3]}
    words = tokenizer(IDEFICS, bos="<|im_start|>", eos=IDEFICS[2], pad=IDEFICS[0], named=named)
    text = {"model_type": "llama", **TEXT, "vocab_size": len(words)}
    text |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    shared: dict[str, Any] = {"image_token_id": 4, "tie_word_embeddings": False}
    if kind == "Idefics2":
        shared["perceiver_config"] = {
            "resampler_n_latents": 6,
            "resampler_depth": 1,
            "resampler_n_heads": 2,
            "num_key_value_heads": 1,
            "resampler_head_dim": 12,
            "hidden_size": TEXT["hidden_size"],
        }
        text["model_type"] = "mistral"
    else:
        shared |= {"scale_factor": 2, "pad_token_id": 0}
    vision = {**VISION, "image_size": 64, "patch_size": 8}
    config = getattr(t, f"{kind}Config")(vision_config=vision, text_config=text, **shared)
    parts = [getattr(t, f"{kind}ImageProcessor")(**images), words]
    parts += [t.SmolVLMVideoProcessor()] if kind == "SmolVLM" else []
    length = {"image_seq_len": 6 if kind == "Idefics2" else 16}
    processor = getattr(t, f"{kind}Processor")(*parts, chat_template=UTTERS, **length)
    model = getattr(t, f"{kind}ForConditionalGeneration")(config)
    return finished(model, processor, [2], eos_token_id=[2, 0], bos_token_id=1, pad_token_id=0)


def idefics2() -> tuple[Any, Any]:
    return _idefics("Idefics2", size={"shortest_edge": 40, "longest_edge": 64}, do_image_splitting=False)


def idefics3() -> tuple[Any, Any]:
    return _idefics("Idefics3", size={"longest_edge": 128}, max_image_size={"longest_edge": 64})


def smolvlm() -> tuple[Any, Any]:
    return _idefics("SmolVLM", size={"longest_edge": 128}, max_image_size={"longest_edge": 64})


def deepseek_vl() -> tuple[Any, Any]:
    import transformers as t

    words = tokenizer([*OLD, "<image_placeholder>"], named={"image_token": "<image_placeholder>"}, **OLD_ROLES)
    config = t.DeepseekVLConfig(
        vision_config={**SIGLIP, "vision_use_head": False}, text_config=_llama(words), image_token_id=5
    )
    config.tie_word_embeddings = False
    images = t.DeepseekVLImageProcessor(size={"height": 56, "width": 56}, min_size=14)
    written = turns("ROLE: ", "Assistant:", image="<image_placeholder>", before="{{ bos_token }}", after="\n\n")
    processor = t.DeepseekVLProcessor(images, words, chat_template=written, num_image_tokens=16)
    return finished(t.DeepseekVLForConditionalGeneration(config), processor, [2], **OLD_IDS)


def aya_vision() -> tuple[Any, Any]:
    import transformers as t

    marks = ["<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<image>", "<|IMG_PATCH|>", "<|START_OF_IMG|>"]
    marks += ["<|END_OF_IMG|>", "<|IMG_LINE_BREAK|>", "TILE", "TILE_GLOBAL", *(f"TILE_{n}" for n in range(1, 6))]
    words = tokenizer(["<unk>", "<s>", "</s>", "<pad>", *marks], frame="<s> {}", **{**OLD_ROLES, "eos": marks[1]})
    config = t.AyaVisionConfig(
        vision_config=SIGLIP,
        text_config=_llama(words, "cohere2", head_dim=12, sliding_window=256, eos_token_id=5),
        image_token_index=words.convert_tokens_to_ids("<|IMG_PATCH|>"),
        downsample_factor=2,
    )
    side = {"height": 56, "width": 56}
    images = t.GotOcr2ImageProcessor(size=side, crop_to_patches=True, min_patches=1, max_patches=4)
    written = turns(
        f"{marks[0]}ROLE ", f"{marks[0]}chatbot ", image="<image>", before="{{ bos_token }}", after=marks[1]
    )
    processor = t.AyaVisionProcessor(images, words, patch_size=28, img_size=56, chat_template=written)
    return finished(t.AyaVisionForConditionalGeneration(config), processor, [5], **{**OLD_IDS, "eos_token_id": 5})


def mllama() -> tuple[Any, Any]:
    import transformers as t

    heads = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start|>", "<|pad|>"]
    words = tokenizer(heads, bos=heads[0], eos=heads[2], pad=heads[4], frame=f"{heads[0]} {{}}")
    size = len(words)
    words.add_tokens(["<|image|>"], special_tokens=True)
    vision = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2, "num_global_layers": 1}
    vision |= {"attention_heads": 2, "image_size": 56, "patch_size": 14, "max_num_tiles": 4}
    vision |= {"intermediate_layers_indices": [0, 1], "vision_output_dim": 72}
    ratios = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]
    ids = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 4}
    turned = rope(5e5, **({} if major() >= MODERN else {"factor": 1.0}))
    text = {**TEXT, "num_hidden_layers": 4, "cross_attention_layers": [1, 3], "vocab_size": size, **ids, **turned}
    config = t.MllamaConfig(
        vision_config={**vision, "supported_aspect_ratios": ratios}, text_config=text, image_token_index=size
    )
    written = turns(
        "<|start|>ROLE\n", "<|start|>assistant\n", image="<|image|>", before="{{ bos_token }}", after=heads[2]
    )
    images = t.MllamaImageProcessor(size={"height": 56, "width": 56}, max_image_tiles=4)
    processor = t.MllamaProcessor(images, words, chat_template=written)
    return finished(t.MllamaForConditionalGeneration(config), processor, [2], **{**ids, "eos_token_id": [1, 2]})


LLAVA = {
    "llava": Architecture(build=llava),
    "llava without template": Architecture(build=llava_plain, prompt="{images}{text}", image="<image>\n"),
    "llava with a tokenizer's template": Architecture(build=llava_string, image="<image>\n", string=True),
    "llava-next": Architecture(build=llava_next),
    "llava-onevision": Architecture(build=llava_onevision),
    "vip-llava": Architecture(build=vip_llava, prompt="###Human: {images}{text}###Assistant:", image="<image>\n"),
    "pixtral": Architecture(build=pixtral),
    "mistral3": Architecture(build=mistral3),
    "idefics2": Architecture(build=idefics2),
    "idefics3": Architecture(build=idefics3),
    "smolvlm": Architecture(build=smolvlm),
    "deepseek-vl": Architecture(build=deepseek_vl),
    "aya-vision": Architecture(build=aya_vision),
    "mllama": Architecture(build=mllama, batches="by images", grow={"cross_attention_mask": "last"}),
}
