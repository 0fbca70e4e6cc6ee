"""Look at a checkpoint before it is run: what it is asked, how it answers, and whether it answers as by hand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from mmbench.core.errors import UsageError
from mmbench.core.requests import Generate
from mmbench.core.responses import Generation
from mmbench.core.task import Task
from mmbench.models.hf.adapter import HuggingFace
from mmbench.models.hf.by_hand import answer_by_hand
from mmbench.perf.memory import accelerator_peak_bytes, peak_bytes, synchronise
from mmbench.testing.probe import ProbeTask
from mmbench.testing.report import Check, Report

_SIDE = 112
"""Pixels of the images of the questions in memory."""
_ASKED = 6
"""Questions that are answered in a batch, alone, and by hand."""
_TOKENS = 16
"""New tokens of each answer at most."""


def check_checkpoint(
    model: HuggingFace, name: str, *, task: Task | None = None, by_hand: bool = False, seed: int = 0
) -> Report:
    """Load a checkpoint, ask it a few questions, and say what a run with it will be like.

    Args:
        model: The model, not yet open.
        name: How to call it.
        task: Whose questions it is asked; None: questions about squares, in memory.
        by_hand: Compare answers with those that transformers gives to each question alone.
        seed: Of the requests.

    Returns:
        A report, with all that was found in `Report.facts`.

    Raises:
        UsageError: If the checkpoint cannot be loaded or asked, or the task asks for no text.
    """
    asked = _questions(task, seed)
    started = time.perf_counter()
    model.open()
    facts = model.describe()
    facts["load_s"] = round(time.perf_counter() - started, 3)
    try:
        started = time.perf_counter()
        together = _answers(model, asked)
        synchronise()
        facts |= {"questions": len(asked), "answers_s": round(time.perf_counter() - started, 3)}
        facts |= {
            "prompt": model.rendered(asked[0]),
            "answer": together[0].text,
            "input_tokens": together[0].usage.input_tokens if together[0].usage else None,
            "image_tokens": together[0].usage.image_tokens if together[0].usage else None,
            "peak_bytes": peak_bytes(),
            "accelerator_peak_bytes": accelerator_peak_bytes(),
        }
        checks = [_loaded(facts), _memory(facts), _prompt(facts), _template(facts), _tokens(facts), _generation(facts)]
        checks += [_batches(facts), _answer(facts, together), _time(facts)]
        if by_hand:
            expected = [answer_by_hand(model, request) for request in asked]
            checks.append(_against("by hand", together, expected))
            alone = [answer for request in asked for answer in _answers(model, [request])]
            checks.append(_against("by hand, alone", alone, expected))
    finally:
        model.close()
    return Report("model", name, tuple(checks), facts)


def _questions(task: Task | None, seed: int) -> list[Generate]:
    from mmbench.core.requests import identify

    task = task or ProbeTask(size=_SIDE)
    found: list[Generate] = []
    for sample in task.samples("test")[:_ASKED]:
        requests = task.requests(sample)
        identify(requests, task.info.name, sample.id, seed)
        found += [request for request in requests if isinstance(request, Generate)]
    if not found:
        raise UsageError(f"{task.info.name} asks for no text: name a task that does, with --task")
    for request in found:
        request.max_new_tokens = min(request.max_new_tokens, _TOKENS)
    return found[:_ASKED]


def _answers(model: HuggingFace, requests: Sequence[Generate]) -> list[Generation]:
    return model.generate(requests, model.collate(requests))


def _loaded(facts: dict[str, Any]) -> Check:
    kind, count, dtype, device = (facts[name] for name in ("class", "parameters", "dtype", "device"))
    adapted = f", adapted by {facts['adapter']}" if facts["adapter"] else ""
    detail = f"{kind}, {count:,} parameters in {dtype} on {device}{adapted}, in {facts['load_s']:.1f} s"
    return Check("loads", "pass", f"{detail}.")


def _memory(facts: dict[str, Any]) -> Check:
    weights, peak, gpu = (facts[name] for name in ("weights_bytes", "peak_bytes", "accelerator_peak_bytes"))
    parts = [f"weights {_size(weights)}", *([f"the process at most {_size(peak)}"] if peak else [])]
    parts += [f"the GPU at most {_size(gpu)}"] if gpu else []
    return Check("memory", "pass", f"{', '.join(parts)}, for a few short questions.")


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**28 else f"{count / 2**20:.1f} MiB"


def _prompt(facts: dict[str, Any]) -> Check:
    return Check("prompt", "pass", repr(facts["prompt"]))


def _template(facts: dict[str, Any]) -> Check:
    template = facts["chat_template"]
    if template["content"] == "none":
        return Check(
            "chat template",
            "note",
            "There is none: the question is the whole prompt.",
            "A model that was tuned to chat needs its own: --model-args chat_template=FILE.",
        )
    system = "with" if template["system"] else "without"
    taken = "typed parts" if template["content"] == "parts" else "one text"
    return Check("chat template", "pass", f"From {template['source']}: it takes {taken}, {system} a system message.")


def _tokens(facts: dict[str, Any]) -> Check:
    read, images = facts["input_tokens"], facts["image_tokens"]
    of_image = "how many of them stand for the image is not known" if images is None else f"{images:,} for the image"
    return Check("tokens", "pass", f"The prompt is read as {read:,} tokens, {of_image}.")


def _generation(facts: dict[str, Any]) -> Check:
    used, aside = (", ".join(f"{key}={value}" for key, value in facts[name].items()) for name in _GENERATION)
    if not aside:
        return Check("generation", "pass", f"In force: {used}.")
    return Check("generation", "note", f"In force: {used}. Set in the checkpoint, and not in force: {aside}.")


_GENERATION = ("generation", "generation_set_aside")


def _batches(facts: dict[str, Any]) -> Check:
    found = facts["determinism"]
    if found["batches"] == "alone":
        return Check(
            "batches",
            "note",
            f"Questions are asked one by one: {found['reason']}.",
            "Expect the time of each to add up.",
        )
    apart = found["difference"] or 0.0
    which = "" if found["batches"] == "together" else " with equally many images"
    detail = f"Questions{which} share a call; log-probabilities differ from single ones by at most {apart:.2g}."
    if found["dtype"] == "float32":
        return Check("batches", "pass", detail)
    advice = "An answer may depend on its batch in the last bits: --batch-size 1 rules that out."
    return Check("batches", "note", detail, advice)


def _answer(facts: dict[str, Any], answers: Sequence[Generation]) -> Check:
    empty = sum(not answer.text for answer in answers)
    if empty:
        advice = "Look at the prompt: a base model, or a template of another model, often ends at once."
        return Check("answer", "note", f"{empty} of {len(answers)} answers are empty.", advice)
    return Check("answer", "pass", repr(facts["answer"]))


def _time(facts: dict[str, Any]) -> Check:
    each = facts["answers_s"] / facts["questions"]
    detail = (
        f"{facts['questions']} answers of at most {_TOKENS} tokens took {facts['answers_s']:.2f} s ({each:.2f} s each)."
    )
    return Check("time", "pass", detail)


def _against(name: str, answers: Sequence[Generation], expected: Sequence[str]) -> Check:
    wrong = [place for place, answer in enumerate(answers) if answer.text != expected[place]]
    if not wrong:
        return Check(name, "pass", f"{len(answers)} of {len(answers)} answers are equal.")
    first = wrong[0]
    return Check(
        name,
        "fail",
        f"{len(answers) - len(wrong)} of {len(answers)} answers are equal; question {first + 1} is answered "
        f"{answers[first].text!r}, by hand {expected[first]!r}.",
        "With weights of half precision try --model-args dtype=float32; else please report it with this output.",
    )
