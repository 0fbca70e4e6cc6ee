"""How many CPU threads the baselines compute with, and what is left of it afterwards: nothing."""

import pytest

torch = pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from tiny_tasks import TinyTraining, asks, questions_of  # noqa: E402

from mmbench_baselines.threads import THREADS, compute_threads  # noqa: E402


def test_the_number_of_threads_holds_inside_the_block_alone():
    before = torch.get_num_threads()
    with compute_threads(None):
        assert torch.get_num_threads() == THREADS == 1
        with compute_threads(3):
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.slow
@pytest.mark.parametrize(("threads", "used"), [(None, 1), (2, 2)])
def test_training_and_answering_use_as_many_threads_as_the_context_says(threads, used, monkeypatch):
    training, seen = TinyTraining(threads=threads), []
    training.at_step = lambda progress: seen.append(torch.get_num_threads())
    trained = training.fit()
    answer = type(trained._trained).log_probabilities
    monkeypatch.setattr(
        type(trained._trained),
        "log_probabilities",
        lambda self, examples: seen.append(torch.get_num_threads()) or answer(self, examples),
    )
    trained.generate(asks(questions_of("val")))
    assert set(seen) == {used}
