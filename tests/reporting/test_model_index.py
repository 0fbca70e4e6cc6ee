"""The block of a model card, read back by another YAML parser."""

import pytest
import yaml
from boards import NAMES, seed_of, table, written
from stored import TASK

from mmbench import registry
from mmbench.reporting.build import ReportOptions, make_report
from mmbench.reporting.hub import TASK_TYPES, _scalar, model_index


def block(*runs, out, source=None, **options):
    return yaml.safe_load(model_index(make_report(runs, out=out, options=ReportOptions(**options)), source))[
        "model-index"
    ]


def test_the_fields_are_those_of_the_hubs_specification(tmp_path):
    run = written(tmp_path, "mine", {"vqa/scenes": table(0.75)})
    (model,) = block(run, out=tmp_path, source="https://example.org/results?a=b#c")
    assert model["name"] == "mine"
    (result,) = model["results"]
    assert result["task"] == {"type": "visual-question-answering", "name": "vqa/scenes"}
    assert result["dataset"] == {
        "type": "vqa/scenes", "name": "vqa/scenes (version 1)", "split": "test", "revision": "data", "args": {"samples": 400},
    }  # fmt: skip
    (metric,) = result["metrics"]
    assert (metric["type"], metric["name"]) == ("accuracy", "accuracy")
    assert metric["args"]["low"] < metric["value"] < metric["args"]["high"]
    assert 70 < metric["value"] < 80
    assert result["source"] == {"name": "mmbench", "url": "https://example.org/results?a=b#c"}


def test_every_family_of_this_package_has_a_word_of_the_hub():
    families = {plugin.name.partition("/")[0] for plugin in registry.plugins("task")}
    assert families == TASK_TYPES.keys()


def test_seeds_are_one_entry_with_their_mean(tmp_path):
    runs = [seed_of(tmp_path, "mine", seed, {TASK: table(0.5, seed=seed)}) for seed in (0, 1)]
    (model,) = block(*runs, out=tmp_path)
    (metric,) = model["results"][0]["metrics"]
    assert metric["args"]["seeds"] == [0, 1]
    assert "low" not in metric["args"]


def test_hostile_names_come_back_as_they_were(tmp_path):
    names = [*NAMES, "yes", "~", "1.0", "a: b # c", "'", '"', "\U0001f600\x85\ufeff"]
    runs = [written(tmp_path, name, {TASK: table(0.5)}) for name in names]
    assert [model["name"] for model in block(*runs, out=tmp_path)] == names


@pytest.mark.parametrize("value", [0, -3, 1e-7, 1e22, 1.5e300, 0.1, -0.0, True, False, None, "1e5", "null", ""])
def test_scalars_keep_their_type(value):
    read = yaml.safe_load(f"a: {_scalar(value)}")["a"]
    assert read == value
    assert type(read) is type(value)
