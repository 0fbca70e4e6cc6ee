"""Executors from outside: a stranger's executor answers batches in processes of its own, and the scores are the same bytes."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Colours, evaluate, lines, scores_of, write_captions, write_model, write_questions

from mmbench import registry
from mmbench.core import PluginError, UnknownNameError, UsageError
from mmbench.resolve.model_names import resolve_instance, resolve_model
from mmbench.runner.execute.recipe import ModelRecipe

STRANGER = '''
    """Answers each batch in a process that builds the model itself."""

    import multiprocessing
    import time
    from concurrent.futures import ProcessPoolExecutor

    from mmbench.core import Call
    from mmbench.models.caller import ModelCaller
    from mmbench.runner.execute.batch_asker import BatchAsker
    from mmbench.runner.execute.recipe import ModelRecipe

    _caller = None

    def begin(recipe):
        global _caller
        _caller = ModelCaller(recipe.build())
        _caller.open()

    def answer(requests, size):
        start = time.perf_counter()
        return BatchAsker(_caller, size, auto=False).ask(requests), start, time.perf_counter() - start

    class Elsewhere:
        def __init__(self):
            self.pool = None

        def prepare(self, todo):
            if self.pool is None:
                recipe = ModelRecipe.of(todo.model)
                spawn = multiprocessing.get_context("spawn")
                self.pool = ProcessPoolExecutor(2, mp_context=spawn, initializer=begin, initargs=(recipe,))

        def run(self, todo, sink):
            origin = time.perf_counter()
            asked = []
            for batch, numbers in todo.batches:
                requests = todo.plan.requests(numbers)
                asked.append((batch, numbers, requests, self.pool.submit(answer, requests, todo.batch_size)))
            for batch, numbers, requests, future in asked[::-1]:
                responses, start, duration = future.result()
                sink.record(Call(batch, numbers, requests, start - origin, duration), responses)

        def close(self):
            self.pool.shutdown()

    class Lazy:
        run = None
'''
MODEL = '''
    import os

    class Sees:
        """Names the colour by the mean of the image; fails on one sample; its vectors are three means."""

        def __init__(self, fails: str = "q3"):
            self.fails = fails

        def open(self):
            self.pid = os.getpid()

        def generate(self, requests):
            assert self.pid == os.getpid()
            if any(request.sample_id == self.fails for request in requests):
                raise ValueError(f"cannot see {self.fails}")
            return [f"{request.images[0].load().resize((1, 1)).getpixel((0, 0))[0] // 100}" for request in requests]

        def embed(self, requests):
            return [[1.0, len(str(request.part)), sum(map(ord, str(request.part)))] for request in requests]
'''


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Installs a distribution that registers executors."""
    place = tmp_path / "strangers"
    info = place / "elsewhere-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n", encoding="utf-8")
    points = "[mmbench.executors]\nelsewhere = elsewhere_plugin:Elsewhere\nlazy = elsewhere_plugin:Lazy\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    write_model(place, STRANGER, "elsewhere_plugin.py")
    monkeypatch.syspath_prepend(place)
    monkeypatch.delitem(sys.modules, "elsewhere_plugin", raising=False)
    registry.plugins.cache_clear()
    yield
    registry.plugins.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("stranger")
def test_processes_of_a_stranger_give_the_same_scores_to_the_byte(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path, MODEL)
    for tasks, data in (("vqa", write_questions(tmp_path, 12)), ("retrieval", write_captions(tmp_path))):
        runs = {
            name: evaluate("mymodel.py:Sees", data, tmp_path / name, tasks, batch_size=4, executor=executor)
            for name, executor in (("here", None), ("there", "elsewhere"))
        }
        assert scores_of(runs["there"].path) == scores_of(runs["here"].path)
        logs = [
            {line.id: (line.status, line.output, line.batch) for line in lines(run.path, run.tasks[0])}
            for run in runs.values()
        ]
        assert logs[0] == logs[1]


@pytest.mark.usefixtures("stranger")
def test_the_other_executors_are_named_where_one_is_unknown_or_none(tmp_path):
    data = write_questions(tmp_path, 3)
    with pytest.raises(UnknownNameError) as caught:
        evaluate(Colours(), data, tmp_path, executor="elsewher")
    assert caught.value.near == ["elsewhere"]
    with pytest.raises(PluginError, match="lacks prepare, run, close"):
        evaluate(Colours(), data, tmp_path, executor="lazy")


def test_what_cannot_be_built_elsewhere_is_refused():
    class Local:
        def generate(self, requests): ...

    unpicklable = Colours()
    unpicklable.lock = (each for each in ())
    for model in (Local, unpicklable):
        with pytest.raises(UsageError, match=r"FILE\.py:Name"):
            ModelRecipe.of(resolve_instance(model))


@pytest.mark.parametrize("given", ["constant", "mymodel.py:Sees", Colours("shown")])
def test_a_recipe_builds_the_model_again(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path, MODEL)
    resolved = resolve_model(given) if isinstance(given, str) else resolve_instance(given)
    built = ModelRecipe.of(resolved).build()
    assert type(built).__qualname__ == type(resolved.build()).__qualname__
    assert vars(built) == vars(resolved.build())
