"""Gemma 3, PaliGemma, T5Gemma 2, and models of an older make: GIT, BLIP, BLIP-2, InstructBLIP, Kosmos-2, Florence-2."""

from typing import Any

from arch_llava import OLD, OLD_ROLES, SIGLIP
from arch_parts import TEXT, VISION, WIDTH, Architecture, finished, tokenizer, turns

GEMMA = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
GEMMA += ["<start_of_image>", "<end_of_image>", "<image_soft_token>"]
GEMMA_IDS = {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
SEES = {**VISION, "image_size": 56, "patch_size": 14}
SIDE = {"height": 56, "width": 56}
PLAIN: dict[str, Any] = {"prompt": "{text}", "text": False, "several": False, "long": False}


def _gemma_words() -> Any:
    named = {"boi_token": GEMMA[6], "eoi_token": GEMMA[7], "image_token": GEMMA[8]}
    return tokenizer(
        GEMMA, kind="Gemma", bos="<bos>", eos="<eos>", pad="<pad>", unk="<unk>", named=named, frame="<bos> {}"
    )


def _gemma_processor(words: Any, template: str | None) -> Any:
    import transformers as t

    return t.Gemma3Processor(t.Gemma3ImageProcessor(size=SIDE), words, image_seq_length=4, chat_template=template)


def gemma3() -> tuple[Any, Any]:
    import transformers as t

    words = _gemma_words()
    text = {**TEXT, "head_dim": 12, "vocab_size": len(words), "sliding_window": 64, "query_pre_attn_scalar": 12}
    config = t.Gemma3Config(
        vision_config=SIGLIP,
        text_config={**text, **GEMMA_IDS},
        mm_tokens_per_image=4,
        boi_token_index=6,
        eoi_token_index=7,
        image_token_index=8,
        tie_word_embeddings=False,
    )
    # As published: the role of the model has a name of its own, and a system text goes into the first message.
    system = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    written = turns(
        "<start_of_turn>ROLE\n",
        "<start_of_turn>model\n",
        image="<start_of_image>",
        before="{{ bos_token }}" + system,
        after="<end_of_turn>\n",
    )
    model = t.Gemma3ForConditionalGeneration(config)
    sampling = {"do_sample": True, "top_k": 64, "top_p": 0.95}
    return finished(model, _gemma_processor(words, written), [5], **{**GEMMA_IDS, "eos_token_id": [1, 5]}, **sampling)


def t5gemma2() -> tuple[Any, Any]:
    import transformers as t

    words = _gemma_words()
    text = {**TEXT, "head_dim": 12, "vocab_size": len(words), "query_pre_attn_scalar": 12, **GEMMA_IDS}
    config = t.T5Gemma2Config(
        encoder={
            "text_config": text,
            "vision_config": SIGLIP,
            "mm_tokens_per_image": 4,
            "boi_token_index": 6,
            "eoi_token_index": 7,
        },
        decoder=text,
        image_token_index=8,
        tie_word_embeddings=False,
    )
    model = t.T5Gemma2ForConditionalGeneration(config)
    return finished(model, _gemma_processor(words, None), [], decoder_start_token_id=2, **GEMMA_IDS)


def paligemma() -> tuple[Any, Any]:
    import transformers as t

    words = tokenizer(
        [*GEMMA[:4], "<image>"], kind="Gemma", bos="<bos>", eos="<eos>", pad="<pad>", unk="<unk>", frame="<bos> {}"
    )
    images = t.SiglipImageProcessor(size=SIDE)
    images.image_seq_length = 16
    processor = t.PaliGemmaProcessor(images, words)
    text = {"model_type": "gemma", **TEXT, "num_key_value_heads": 1, "head_dim": 12, "num_image_tokens": 16}
    config = t.PaliGemmaConfig(
        vision_config={**SIGLIP, "projection_dim": WIDTH, "num_image_tokens": 16},
        text_config={**text, "vocab_size": len(processor.tokenizer), **GEMMA_IDS},
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=WIDTH,
        hidden_size=WIDTH,
        tie_word_embeddings=False,
        **GEMMA_IDS,
    )
    return finished(t.PaliGemmaForConditionalGeneration(config), processor, [1], **GEMMA_IDS)


def git() -> tuple[Any, Any]:
    import transformers as t

    roles = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    given = dict(zip(("pad", "cls", "sep", "unk"), roles, strict=True))
    words = tokenizer(roles, frame="[CLS] {} [SEP]", **given)
    images = t.CLIPImageProcessor(size={"shortest_edge": 56}, crop_size=SIDE)
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = t.GitConfig(
        vision_config={**SEES, "projection_dim": 24},
        vocab_size=len(words),
        hidden_size=WIDTH,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        **ids,
    )
    return finished(t.GitForCausalLM(config), t.GitProcessor(images, words), [], **ids)


def blip() -> tuple[Any, Any]:
    import transformers as t

    roles = ["[PAD]", "[DEC]", "[SEP]", "[UNK]", "[CLS]"]
    given = {"bos": "[DEC]", "eos": "[SEP]", "pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]"}
    words = tokenizer(roles, frame="[CLS] {} [SEP]", kind="Bert", **given)
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    text = {**VISION, "vocab_size": len(words), "encoder_hidden_size": 24, "max_position_embeddings": 256}
    config = t.BlipConfig(
        text_config={**text, "sep_token_id": 2, **ids}, vision_config=SEES, projection_dim=16, image_text_hidden_size=16
    )
    processor = t.BlipProcessor(t.BlipImageProcessor(size=SIDE), words)
    return finished(t.BlipForConditionalGeneration(config), processor, [], **ids)


def _t5(size: int) -> dict[str, Any]:
    text = {"model_type": "t5", "vocab_size": size, "d_model": WIDTH, "d_kv": 12, "d_ff": 96, "num_layers": 2}
    text |= {"num_heads": 4, "is_encoder_decoder": True, "decoder_start_token_id": 3}
    return {**text, "eos_token_id": 2, "pad_token_id": 3}


QFORMER = {**VISION, "encoder_hidden_size": 24, "max_position_embeddings": 256}


def _blip2(t5: bool) -> tuple[Any, Any]:
    import transformers as t

    words = tokenizer(OLD[:4], frame="{} </s>" if t5 else "<s> {}", **OLD_ROLES)
    processor = t.Blip2Processor(t.BlipImageProcessor(size=SIDE), words, num_query_tokens=4)
    size = len(processor.tokenizer)
    opt = {"model_type": "opt", "vocab_size": size, "hidden_size": WIDTH, "ffn_dim": 96, "num_hidden_layers": 2}
    opt |= {"num_attention_heads": 4, "max_position_embeddings": 512, "word_embed_proj_dim": WIDTH}
    opt |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    config = t.Blip2Config(
        vision_config=SEES,
        qformer_config={**QFORMER, "vocab_size": size},
        text_config=_t5(size) if t5 else opt,
        num_query_tokens=4,
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
    )
    start = {"decoder_start_token_id": 3} if t5 else {"bos_token_id": 1}
    model = t.Blip2ForConditionalGeneration(config)
    return finished(model, processor, [], eos_token_id=2, pad_token_id=3, **start)


def _instructblip(t5: bool) -> tuple[Any, Any]:
    import transformers as t

    words = tokenizer(OLD[:4], frame="{} </s>" if t5 else "<s> {}", **OLD_ROLES)
    asked = tokenizer(OLD[:4], frame="<s> {}", **OLD_ROLES)
    processor = t.InstructBlipProcessor(t.BlipImageProcessor(size=SIDE), words, asked, num_query_tokens=4)
    size = len(processor.tokenizer)
    llama = {"model_type": "llama", **TEXT, "vocab_size": size, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    config = t.InstructBlipConfig(
        vision_config=SEES,
        qformer_config={**QFORMER, "vocab_size": size},
        text_config=_t5(size) if t5 else llama,
        num_query_tokens=4,
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
    )
    start = {"decoder_start_token_id": 3} if t5 else {"bos_token_id": 1}
    model = t.InstructBlipForConditionalGeneration(config)
    return finished(model, processor, [], eos_token_id=2, pad_token_id=3, **start)


def kosmos2() -> tuple[Any, Any]:
    import transformers as t

    heads = ["<s>", "<pad>", "</s>", "<unk>"]
    words = tokenizer(heads, bos="<s>", eos="</s>", pad="<pad>", unk="<unk>", frame="<s> {}")
    images = t.CLIPImageProcessor(size={"shortest_edge": 56}, crop_size=SIDE)
    processor = t.Kosmos2Processor(images, words, num_patch_index_tokens=16)
    ids = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    text = {"vocab_size": len(processor.tokenizer), "embed_dim": WIDTH, "layers": 2, "ffn_dim": 96}
    text |= {"attention_heads": 4, "max_position_embeddings": 2048, "tie_word_embeddings": False, **ids}
    config = t.Kosmos2Config(text_config=text, vision_config=SEES, latent_query_num=64)
    return finished(t.Kosmos2ForConditionalGeneration(config), processor, [], **ids)


def florence2() -> tuple[Any, Any]:
    import torch
    import transformers as t

    heads = ["<s>", "<pad>", "</s>", "<unk>", "<image>"]
    named = {"image_token": "<image>"}
    words = tokenizer(heads, kind="Bart", bos="<s>", eos="</s>", pad="<pad>", unk="<unk>", named=named)
    ids = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    vision = {"embed_dim": [12, 24], "num_heads": [2, 2], "num_groups": [2, 2], "depths": [1, 1], "window_size": 4}
    vision |= {"patch_size": [7, 3], "patch_stride": [4, 2], "patch_padding": [3, 1], "patch_prenorm": [False, True]}
    vision |= {"projection_dim": WIDTH, "max_temporal_embeddings": 4, "max_position_embeddings": 20}
    parts = {"layers": 2, "attention_heads": 4, "ffn_dim": 96}
    text = {f"{part}_{name}": value for part in ("encoder", "decoder") for name, value in parts.items()}
    text |= {"model_type": "bart", "vocab_size": len(words), "d_model": WIDTH, "max_position_embeddings": 512}
    config = t.Florence2Config(
        vision_config=vision, text_config={**text, **ids, "decoder_start_token_id": 2}, image_token_id=4, **ids
    )
    model = t.Florence2ForConditionalGeneration(config)
    seen = model.model.get_image_features(torch.zeros(1, 3, 64, 64))
    images = t.CLIPImageProcessor(size={"height": 64, "width": 64}, do_center_crop=False)
    images.image_seq_length = int(getattr(seen, "pooler_output", seen).shape[1])
    processor = t.Florence2Processor(images, words)
    left = {"num_beams": 3, "early_stopping": True, "no_repeat_ngram_size": 3, "forced_bos_token_id": 0}
    return finished(model, processor, [], decoder_start_token_id=2, **ids, **left)


OTHERS = {
    "gemma3": Architecture(build=gemma3, grow={"token_type_ids": 0}),
    "t5gemma2": Architecture(build=t5gemma2, since="5.0", prompt="{images}{text}", image=GEMMA[6], encoder=True),
    "paligemma": Architecture(
        forward="5.0",
        build=paligemma,
        **{**PLAIN, "several": True, "long": True, "prompt": "{images}{text}"},
        image="<image>",
        grow={"token_type_ids": 1},
    ),
    "git": Architecture(build=git, **{**PLAIN, "text": True}, ends=1),
    "blip": Architecture(build=blip, forward="5.0", **PLAIN, ends=1, batches="alone"),
    "blip-2": Architecture(build=lambda: _blip2(t5=False), **PLAIN),
    "blip-2 with t5": Architecture(build=lambda: _blip2(t5=True), **{**PLAIN, "long": True}, encoder=True),
    "instructblip": Architecture(build=lambda: _instructblip(t5=False), **PLAIN),
    "instructblip with t5": Architecture(build=lambda: _instructblip(t5=True), **PLAIN, encoder=True),
    "kosmos-2": Architecture(
        build=kosmos2, **{**PLAIN, "text": True, "long": True}, batches="alone", grow={"image_embeds_position_mask": 0}
    ),
    "florence-2": Architecture(build=florence2, forward="5.0", **{**PLAIN, "text": True}, encoder=True),
}
