"""Measure everything that depends on a GPU in at most eight minutes, and write it to one JSON file.

    python tests/gpu/measure_gpu.py                      # on a machine with a GPU: results/perf/<machine>.json
    python tests/gpu/measure_gpu.py --size tiny --out .  # the same steps on any machine, in half a minute

Models have the architecture and the sizes of published ones and random weights, so nothing is downloaded. Each part is
measured by itself: one that fails is a sentence in the file, and the others go on. Parts that would end after the eight
minutes are not begun.
"""

# ruff: noqa: E402 - what lies beside the tests is found first

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "models" / "hf"), str(ROOT / "tests" / "benchmarks")]

import numpy as np
import tiny
from hand_written import TASK as QUESTIONS_TASK
from hand_written import loop

import mmbench
from mmbench.metrics import captions_of_images
from mmbench.metrics.retrieval.ranks import rank_both
from mmbench.perf.device_clock import DeviceClock
from mmbench.perf.machine import machine
from mmbench.perf.memory import synchronise
from mmbench.perf.nvml import find_gpu

LIMIT_S = 480.0
"""Seconds that everything may take."""
TASK = "vqa/easy-vqa"
VISION = {"real": (1024, 4096, 24, 16, 336, 14), "tiny": (32, 64, 2, 2, 32, 8)}
"""Width, inner width, layers, heads, pixels and pixels of a patch: CLIP ViT-L/14 at 336 pixels (LLaVA 1.5), and a toy."""
TEXT = {"real": (4096, 11008, 32, 32, 32064), "tiny": (64, 128, 2, 2, 512)}
"""Width, inner width, layers, heads and words: the language model of LLaVA 1.5 7B, and a toy."""
QUESTIONS = {"real": 512, "tiny": 24}
SECONDS = {"real": 15.0, "tiny": 1.0}
"""Of each scenario at most."""


@dataclass
class Session:
    """What is measured, and how long that may take."""

    size: str
    device: str
    work: Path
    began: float = field(default_factory=time.perf_counter)
    parts: dict[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> str:
        return "bfloat16" if self.device == "cuda" else "float32"

    @property
    def llava(self) -> Path:
        return self.work / "llava"

    def part(self, name: str, most_s: float, measure: Callable[[Session], Any]) -> None:
        """Measure a part that takes so many seconds at most, unless the time is over; what fails is a sentence."""
        left = LIMIT_S - (time.perf_counter() - self.began)
        if self.size == "real" and most_s > left:
            self.parts[name] = {
                "problem": f"not begun: {left:.0f} s were left of {LIMIT_S:.0f}, and it may take {most_s:.0f}"
            }
            return
        started = time.perf_counter()
        try:
            found = measure(self)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other parts go on
            found = {"problem": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        self.parts[name] = {**found, "seconds": round(time.perf_counter() - started, 2)}

    def run(self, out: str, **options: Any) -> Any:
        """A run of the checkpoint on easy-VQA."""
        given = {
            "limit": QUESTIONS[self.size],
            "device": self.device,
            "dtype": self.dtype,
            "progress": False,
            **options,
        }
        return mmbench.run(f"hf/{self.llava}", TASK, out=self.work / out, **given)


def build_llava(session: Session) -> dict[str, Any]:
    """Make the checkpoint, weights on the device."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

    words = tiny.tokenizer()
    width, inner, layers, heads, pixels, patch = VISION[session.size]
    vision = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        image_size=pixels,
        patch_size=patch,
    )
    width, inner, layers, heads, size = TEXT[session.size]
    text = LlamaConfig(
        vocab_size=size,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=4096,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=words.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, session.dtype))
    try:
        with torch.random.fork_rng(), torch.device(session.device):
            torch.manual_seed(0)
            model = LlavaForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    pictures = tiny.image_processor(
        "clip", "CLIP", size={"shortest_edge": pixels}, crop_size={"height": pixels, "width": pixels}
    )
    processor = LlavaProcessor(
        pictures,
        words,
        patch_size=patch,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=tiny.TEMPLATE,
    )
    model.save_pretrained(session.llava)
    processor.save_pretrained(session.llava)
    weights = sum(each.numel() for each in model.parameters())
    del model
    if session.device == "cuda":
        torch.cuda.empty_cache()
    return {"parameters": weights, "dtype": session.dtype}


def scenarios(session: Session) -> dict[str, Any]:
    """The quality run, and single-stream and offline after it: rates, both clocks, energy, FLOPs, MFU, memory."""
    result = session.run("full", perf="full", perf_seconds=SECONDS[session.size], perf_requests=662)
    perf = result.runs[0].tasks[TASK].perf
    return {
        each.name: {
            "valid": each.valid,
            "reasons": [reason.code for reason in each.reasons],
            "notes": each.notes,
            "batch_size": each.identity.batch_size,
            "where_s": each.where_s,
            "figures": {
                name: {"value": figure.value, "unit": figure.unit, "n": figure.n, "reason": figure.reason}
                for name, figure in each.figures.items()
            },
        }
        for each in perf.scenarios
    }


def against_a_loop(session: Session) -> dict[str, Any]:
    """`hf/` beside a loop that is written by hand, over the same questions, in the same process."""
    samples = QUESTIONS_TASK.samples("test")[: QUESTIONS[session.size]]
    sizes = (64, 128) if session.size == "real" else (8,)
    loops = {size: loop(session.llava, samples, size, session.device) for size in sizes}
    result = session.run("loop")
    quality = result.runs[0].tasks[TASK].perf.quality
    own = quality.wall_s - quality.where_s["score"]
    return {"loop_s": loops, "hf_s": own, "share": min(loops.values()) / own, "batch_size": quality.identity.batch_size}


def sweep(option: str) -> Callable[[Session], dict[str, Any]]:
    """A part that sweeps one option over half of the questions."""

    def measure(session: Session) -> dict[str, Any]:
        result = session.run(f"sweep-{option.partition('=')[0]}", limit=QUESTIONS[session.size] // 2, sweep=option)
        return {"points": [point.to_dict() for point in result.sweep], "failures": dict(result.failures)}

    return measure


def search(session: Session) -> dict[str, Any]:
    """The batch size that the search by the clock finds."""
    result = session.run("search", limit=QUESTIONS[session.size] // 2, batch_size="search")
    return {"batch_size": result.runs[0].tasks[TASK].entry.batch_size}


def clocks(session: Session) -> dict[str, Any]:
    """The clock of the device beside that of the host, for a product of matrices of known size."""
    import torch

    n = 8192 if session.device == "cuda" else 256
    a = torch.ones(n, n, device=session.device, dtype=getattr(torch, session.dtype))
    clock, host = DeviceClock(), []
    for _ in range(20):
        started = time.perf_counter()
        with clock.stretch():
            a @ a
        synchronise()
        host.append(time.perf_counter() - started)
    device = clock.seconds()
    best = min(device or host)
    return {"host_s": min(host), "device_s": min(device, default=None), "tflops": 2 * n**3 / best / 1e12}


def gpu_state(session: Session) -> dict[str, Any]:
    """What the driver tells of the GPU while it is idle."""
    gpu, problem = find_gpu()
    if gpu is None:
        return {"state": None, "note": problem or "no GPU is used"}
    state = gpu.state()
    return {
        "name": gpu.name,
        "energy_j": gpu.energy_j(),
        "state": {name: getattr(state, name) for name in state.__slots__},
        "problems": gpu.problems,
    }


def ranks(session: Session) -> dict[str, Any]:
    """Ranks both ways, on the CPUs of the machine."""
    rng = np.random.default_rng(0)
    images, captions = (1000, 5000) if session.size == "real" else (50, 250)
    left, right = (rng.standard_normal((n, 512)).astype(np.float32) for n in (images, captions))
    relevant = captions_of_images(np.repeat(np.arange(images), 5), images)
    started = time.perf_counter()
    rank_both(left, right, *relevant)
    return {"images": images, "captions": captions, "ranks_s": time.perf_counter() - started}


def measure(size: str, device: str, out: Path) -> Path:
    """Measure all parts and write the file. Returns its path."""
    with tempfile.TemporaryDirectory() as work:
        session = Session(size, device, Path(work))
        session.part("checkpoint", 90, build_llava)
        session.part("clocks", 20, clocks)
        session.part("gpu", 10, gpu_state)
        session.part("scenarios", 180, scenarios)
        session.part("against_a_loop", 100, against_a_loop)
        session.part("ranks", 20, ranks)
        session.part("attention", 90, sweep("attn=sdpa,eager"))
        session.part("quantisation", 90, sweep("quantisation=none,int8,int4"))
        session.part("search", 60, search)
        seconds = time.perf_counter() - session.began
    here = machine()
    name = re.sub(r"[^a-z0-9]+", "-", (here.accelerator or here.cpu).lower()).strip("-")
    document = {
        "machine": {each: getattr(here, each) for each in here.__struct_fields__},
        "packages": {each: version(each) for each in ("mmbench", "torch", "transformers", "numpy")},
        "size": size,
        "device": device,
        "seconds": round(seconds, 1),
        "parts": session.parts,
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.json"
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and say where the result lies. Exit code 2 without a GPU, 4 where a part failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--size", choices=sorted(TEXT), default="real")
    parser.add_argument("--device", choices=("cuda", "cpu"))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "perf")
    given = parser.parse_args(arguments)
    import torch

    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if (given.size == "real" and device == "cpu") or (device == "cuda" and not torch.cuda.is_available()):
        print("error: there is no GPU here: models of real size need one; --size tiny tries the steps", file=sys.stderr)
        return 2
    path = measure(given.size, device, given.out)
    parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
    problems = {name: part["problem"] for name, part in parts.items() if "problem" in part}
    print(path)
    for name, problem in problems.items():
        print(f"{name}: {problem}", file=sys.stderr)
    return 4 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
