"""The digests by which earlier versions of mmbench knew the registered models, so that their runs and caches stay in use.

Up to schema version 4 a registered model was known by the digest of its source file; every edit of a docstring made
another model of it. An entry holds for the version that the model declared when it was still the same: once that grows,
runs of the earlier code are no longer resumed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FormerDigest:
    """What one source file of mmbench 0.1.0 (schema version 4) was known by."""

    names: str
    """The registered models that the file defined, with spaces between them."""
    version: str
    """The version that these models declare while they answer as that file did."""
    source: str
    """sha256 over distribution and source file; the weights digest, where the model has one, was joined to it."""
    weights: str | None = None
    """The weights digest, where it was another than the model gives today."""


FORMER_DIGESTS = (
    FormerDigest("constant oracle random", "1", "e151e2c758e94a2994012b3b8163d8d80c776bbdb5cf7238fa326b2162906912"),
    FormerDigest("prior template-prior", "1", "7995bfeb63e6b28cdc4e1889af5bc26a0db4fa4e65205f7d10272dfe37ab83b8"),
    FormerDigest("replay", "1", "e2928a5bf691041939d16d4fbd0e6ae8fa97fc361305a90151880cc538c9d3ec"),
    FormerDigest("hf", "1", "a19380331a2ff0f5f45fe6326c401694a1ed33edb8826ac621c9aebb59c8026c"),
    FormerDigest("hf-embed hf-encoder", "1", "e99c3f45bb51338595c1cf8c28be4ac86f7b9f81de88f23c1f44b523262b4578"),
    FormerDigest("vllm", "1", "f32d2a8292431f611ec186e6e89e6aeda9f23457806861d3b0c7256c1991cf62"),
    FormerDigest(
        "openai",
        "1",
        "97fa75cc8bdb7e330e41f33a0c3894e1c3bb2c867bcfb9955cb2cf94271ccc11",
        weights="767b38f3902401fc2434e067f9a5727bf98e3826ec1daec46ee79eb2c008ffb1",
    ),
    FormerDigest(
        "attention bag-of-words captioner captioner-blind cnn-lstm concat cross-attention film gated image-only late low-rank "
        "product sum tensor text-only transformer two-tower",
        "2",
        "825fbb1558574f9e6bd4918a2c88c838aa77f6c5edaf8637dc49a7333fb959d5",
    ),
)
"""One entry a source file that defined registered models."""
