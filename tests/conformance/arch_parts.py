"""What tiny checkpoints are put together from: a tokenizer, sizes, chat templates, weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

WORDS = "what which colour shape is are the a circle square ring star left right of above below in image answer with one word yes no red blue green grey there any"

WIDTH = 48
TEXT = {
    "hidden_size": WIDTH,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
}
"""A decoder's configuration."""
VISION = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
"""A vision encoder's."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One kind of checkpoint, and what is known of it without mmbench."""

    build: Callable[[], tuple[Any, Any]]
    """Model and processor."""
    since: str = "4.56"
    """The release of transformers that brought it."""
    forward: str = "4.56"
    """The release whose forward pass reads prompt and choice as they are written one after the other."""
    prompt: str | None = None
    """The prompt without a chat template, with ``{images}`` and ``{text}``; None: by its template."""
    image: str = ""
    """What such a prompt holds for each image."""
    text: bool = True
    """Whether it answers without an image."""
    several: bool = True
    """Whether a prompt may hold several images."""
    long: bool = True
    """Whether it reads 900 tokens."""
    batches: str = "together"
    """What mmbench must find out of its batches."""
    encoder: bool = False
    """Whether an encoder reads the prompt."""
    ends: int = 0
    """Tokens at the end of the processor's ids that are not part of the prompt."""
    string: bool = False
    """Whether its template takes a text, in which `image` stands for an image."""
    grow: dict[str, int | str] = field(default_factory=dict)
    """What further tokens have in tensors beside ids and mask: a number, or ``last`` for what the last token has."""


MODERN = 5
"""Major version of transformers whose processors take any tokenizer."""


def major() -> int:
    """Major version of transformers."""
    import transformers

    return int(transformers.__version__.partition(".")[0])


def tokenizer(
    special: Sequence[str], *, named: dict[str, str] | None = None, frame: str = "{}", kind: str = "", **roles: str
) -> Any:
    """A byte-level BPE of a few words.

    Args:
        special: Its special tokens, in the order of their ids.
        named: Those that the tokenizer has as attributes.
        frame: What it writes around a text, such as ``<s> {}``.
        kind: Its class in transformers 4, whose processors ask for one.
        roles: ``bos``, ``eos``, ``pad``, ``unk``, ``cls`` and ``sep``.
    """
    import transformers
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    built = Tokenizer(models.BPE())
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=350 + len(special), special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    built.train_from_iterator([WORDS] * 3, trainer)
    if frame != "{}":
        marks = [word for word in frame.split() if word != "{}"]
        built.post_processor = processors.TemplateProcessing(
            single=frame.replace("{}", "$A"), special_tokens=[(mark, built.token_to_id(mark)) for mark in marks]
        )
    extra = {"extra_special_tokens": named} if named else {}
    given = {f"{role}_token": token for role, token in roles.items()}
    old = kind if major() < MODERN else ""
    if old == "Bert":
        built.normalizer = normalizers.BertNormalizer(lowercase=False)
    owner = getattr(transformers, f"{old or 'PreTrained'}TokenizerFast")
    return owner(tokenizer_object=built, model_max_length=8192, **given, **extra)


def rope(theta: float = 1e4, **more: Any) -> dict[str, Any]:
    """Entries of a configuration for rotary positions: of transformers 5 or 4."""
    if major() >= MODERN:
        return {"rope_parameters": {"rope_type": "default", "rope_theta": theta, **more}}
    partial = {name: more.pop(name) for name in ("partial_rotary_factor",) if name in more}
    scaled = {"rope_scaling": {"type": "default", "rope_type": "default", **more}} if more else {}
    return {"rope_theta": theta, **scaled, **partial}


def randomise(model: Any, ends: Sequence[int] = (), seed: int = 0) -> None:
    """Weights that make answers depend on every token and every image, and end some of them."""
    import torch

    generator = torch.Generator().manual_seed(seed)

    def noise(weight: Any, scale: float) -> None:
        drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float32)
        weight.data.copy_(drawn * scale)

    for name, weight in sorted(model.named_parameters()):
        if weight.ndim > 1:
            embeds = any(part in name for part in ("embed", "position", "query_tokens", "newline", "latent"))
            noise(weight, 0.5 if embeds else 1.2 / weight[0].numel() ** 0.5)
        elif name.endswith("bias"):
            noise(weight, 0.05)
        elif "gate" in name and weight.numel() == 1:  # of cross-attention, which is shut when training begins
            weight.data.fill_(0.8)
    head = model.get_output_embeddings()
    if head is not None:
        head.weight.data[list(ends)] *= 1.2
    model.eval()


def finished(model: Any, processor: Any, ends: Sequence[int], **generation: Any) -> tuple[Any, Any]:
    """A checkpoint with random weights and the tokens of its format."""
    randomise(model, ends)
    for name, value in generation.items():
        setattr(model.generation_config, name, value)
    return model, processor


def turns(user: str, assistant: str, *, image: str, before: str = "", after: str = "", open_: str = "") -> str:
    """A chat template that takes typed parts in their order.

    Args:
        user: What begins a message, with ``ROLE`` for its role.
        assistant: What begins the answer.
        image: What is written for an image.
        before: What the conversation begins with.
        after: What ends a message.
        open_: What follows the beginning of the answer.
    """
    begins = "{{ " + "'" + user.replace("ROLE", "' + m['role'] + '") + "' }}"
    return (
        f"{before}{{% for m in messages %}}{begins}"
        "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
        f"{{% if c['type'] == 'image' %}}{image}{{% elif c['type'] == 'text' %}}{{{{ c['text'] }}}}{{% endif %}}"
        f"{{% endfor %}}{{% endif %}}{after}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{assistant}{open_}{{% endif %}}"
    )


IM = {"user": "<|im_start|>ROLE\n", "assistant": "<|im_start|>assistant\n", "after": "<|im_end|>\n"}
IM_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
IM_ENDS = {"eos_token_id": [2, 0], "pad_token_id": 0}
