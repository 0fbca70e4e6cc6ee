"""Prompts and generation parameters that the user sets: what reaches the model, and what is refused before it loads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import evaluate, mmbench, write_questions

import mmbench as package
from mmbench.core import CardTask, Generate, Message, UsageError
from mmbench.core.prompts import read_prompt
from mmbench.core.requests import conversation
from mmbench.models.endpoint.payload import Payloads, Wishes
from mmbench.resolve.task_names import resolve_tasks


class Listens:
    """Remembers what it was asked."""

    info: dict[str, Any] = {"digest": "listens"}  # noqa: RUF012

    def __init__(self) -> None:
        self.asked: list[Generate] = []

    def generate(self, requests: Sequence[Generate]) -> list[str]:
        self.asked += requests
        return ["Answer: red" for _ in requests]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_questions(tmp_path, 6)


def ask(data: Path, folder: Path, **options: Any) -> tuple[list[Generate], list[str]]:
    model = Listens()
    result = evaluate(model, data, folder, **options)
    assert result.exit_code == 0
    return model.asked, list(result.tasks)


def prompt_file(folder: Path, text: str, name: str = "own.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


OWN = """
system = "You look closely."
template = "Look: {question}"
extractor = "final-answer"
max_new_tokens = 99
"""


def test_direct_and_chain_of_thought_in_one_command(tmp_path: Path, data: Path) -> None:
    asked, tasks = ask(data, tmp_path, prompt="direct,cot")
    assert tasks == ["vqa/mine", "vqa/mine(prompt=cot)"]
    assert [request.max_new_tokens for request in asked] == [16] * 6 + [512] * 6
    assert [request.seed for request in asked[:6]] == [request.seed for request in asked[6:]]


def test_a_prompt_names_the_extractor_that_fits_it(data: Path) -> None:
    from mmbench.core.spec import Asking, DataSource

    source = [DataSource(str(data))]
    (cot,) = resolve_tasks(["vqa"], source, {}, Asking(("cot",)))
    assert (cot.task.info.extractor or "").startswith("final-answer")
    (other,) = resolve_tasks(["vqa"], source, {"extractor": "exact"}, Asking(("cot",)))
    assert (other.task.info.extractor or "").startswith("exact")


def test_a_prompt_of_a_file_reaches_the_model_with_its_system_text(tmp_path: Path, data: Path) -> None:
    asked, tasks = ask(data, tmp_path, prompt=prompt_file(tmp_path, OWN))
    assert tasks == ["vqa/mine(prompt=own)"]
    system, user = conversation(asked[0])
    assert system == Message("system", ("You look closely.",))
    assert user.role == "user"
    assert str(user.parts[-1]).startswith("Look: ")
    assert asked[0].max_new_tokens == 99
    assert len(asked[0].images) == 1
    again, _ = ask(data, tmp_path, prompt=prompt_file(tmp_path, OWN))
    assert again == []
    edited, _ = ask(data, tmp_path, prompt=prompt_file(tmp_path, OWN.replace("Look:", "See:")))
    assert len(edited) == 6


def test_a_text_file_is_the_template(tmp_path: Path, data: Path) -> None:
    asked, tasks = ask(data, tmp_path, prompt=prompt_file(tmp_path, "{question} {{}}\n", "plain.txt"))
    assert tasks == ["vqa/mine(prompt=plain)"]
    assert asked[0].text.endswith(" {}")


@pytest.mark.slow
def test_examples_come_from_the_training_split_with_their_answers() -> None:
    own = {"name": "few", "template": "{question}", "shots": 3, "seed": 5}
    (resolved,) = resolve_tasks(["vqa/scenes"], options={"prompt": own})
    task: Any = resolved.task
    assert isinstance(task, CardTask)
    assert task.info.max_images == 4
    test = task.samples("test")[:3]
    said = [conversation(task.requests(sample)[0]) for sample in test]
    assert [message.role for message in said[0]] == ["user", "assistant"] * 3 + ["user"]
    assert len({messages[:-1] for messages in said}) == 1
    training = {(sample.parts, sample.references[0]) for sample in task.samples("train")}
    for asked, answered in zip(said[0][:-1:2], said[0][1::2], strict=True):
        assert (asked.parts, answered.parts[0]) in training
    (other,) = resolve_tasks(["vqa/scenes"], options={"prompt": {**own, "seed": 6}})
    assert conversation(other.task.requests(test[0])[0])[:-1] != said[0][:-1]


def test_generation_parameters_reach_the_model_and_the_name_of_the_variant(tmp_path: Path, data: Path) -> None:
    given: dict[str, Any] = {"temperature": 0.7, "top_p": 0.9, "stop": "END", "thinking": 64, "max_new_tokens": 16}
    asked, (task,) = ask(data, tmp_path, **given)
    first = asked[0]
    assert (first.temperature, first.top_p, first.stop, first.thinking) == (0.7, 0.9, ("END",), 64)
    assert task == "vqa/mine(stop=END,temperature=0.7,thinking=64,top_p=0.9)"  # 16 tokens are the task's own
    assert ask(data, tmp_path, **given)[0] == []
    plain, (name,) = ask(data, tmp_path, max_new_tokens=16)
    assert name == "vqa/mine"
    assert len(plain) == 6


def test_an_endpoint_gets_roles_and_parameters(data: Path) -> None:
    request = Generate(
        messages=(
            Message("system", ("Be brief.",)),
            Message("user", ("1?",)),
            Message("assistant", ("one",)),
            Message("user", ("2?",)),
        ),
        top_p=0.5,
        temperature=1.0,
        thinking=False,
        chat_template_kwargs={"a": 1},
    )
    import json

    body = json.loads(Payloads(Wishes(model="m", system="Always English.")).generate(request))
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][0]["content"] == "Always English.\nBe brief."
    assert body["top_p"] == 0.5
    assert body["chat_template_kwargs"] == {"a": 1, "enable_thinking": False}


@pytest.mark.parametrize(
    "text",
    [
        'template = "{queston}"',
        'template = "no question"',
        'template = "{question.__class__}"',
        'template = "{question!r}"',
        'template = "{question"',
        "system = 'no template'",
        'templat = "{question}"',
        'template = "{question}"\nshots = "two"',
        'template = "{question}"\nshots = 2',  # a user's file has no training split
        'template = "{question}"\nmax_new_tokens = 0',
        'template = "{question}"\nextractor = "exat"',
        "not toml",
    ],
)
def test_a_prompt_that_cannot_work_is_refused_before_anything_is_asked(tmp_path: Path, data: Path, text: str) -> None:
    model = Listens()
    with pytest.raises(UsageError):
        evaluate(model, data, tmp_path, prompt=prompt_file(tmp_path, text))
    assert model.asked == []
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("option", "value"), [("prompt", "drect"), ("prompt", "missing.toml"), ("thinking", "maybe")])
def test_unknown_prompts_and_words_are_refused(tmp_path: Path, data: Path, option: str, value: str) -> None:
    with pytest.raises(UsageError):
        ask(data, tmp_path, **{option: value})


def test_tasks_without_prompts_refuse_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="prompt"):
        package.run("random", "retrieval/scenes", prompt="direct", out=tmp_path / "runs", progress=False)


@pytest.mark.slow
def test_the_command_takes_them(tmp_path: Path, data: Path) -> None:
    path = prompt_file(tmp_path, OWN)
    done = mmbench(
        *("run", "--model", "oracle", "--tasks", "vqa", "--data", str(data), "--out", str(tmp_path / "runs")),
        *("--prompt", f"direct,{path}", "--temperature", "0.5", "--quiet", "--json"),
        folder=tmp_path,
    )
    assert done.code == 0, done.err
    assert '"vqa/mine(prompt=own,temperature=0.5)"' in done.out


def test_a_name_without_a_name_field_is_that_of_the_file(tmp_path: Path) -> None:
    assert read_prompt(Path(prompt_file(tmp_path, OWN)))["name"] == "own"


def test_the_extractor_of_a_chosen_prompt_wins_over_that_of_the_dataset() -> None:
    def extractor(options: dict[str, Any]) -> str:
        (found,) = resolve_tasks(["vqa/scenes"], options=options)
        return (found.task.info.extractor or "").rpartition("-v")[0]

    assert extractor({}) == "exact"
    assert extractor({"prompt": "direct"}) == "exact"
    assert extractor({"prompt": "cot"}) == "final-answer"
    assert extractor({"prompt": "cot", "extractor": "mention"}) == "mention"


@pytest.mark.parametrize("model", ["openai/m", "random"])
def test_a_setting_given_to_the_model_names_the_option_of_the_command(data: Path, tmp_path: Path, model: str) -> None:
    with pytest.raises(UsageError, match="--max-new-tokens"):
        evaluate(model, data, tmp_path, model_args={"max_new_tokens": 9})
