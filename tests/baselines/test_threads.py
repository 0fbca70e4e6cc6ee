"""How many CPU threads the baselines compute with, and what is left of it afterwards: nothing."""

import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from lessons import Course, asks, questions_of  # noqa: E402

from mmbench_baselines.threads import THREADS, compute_threads  # noqa: E402


def test_the_number_of_threads_holds_inside_the_block_alone():
    before = torch.get_num_threads()
    with compute_threads(None):
        assert torch.get_num_threads() == THREADS == 1
        with compute_threads(3):
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("threads", "used"), [(None, 1), (2, 2)])
def test_training_and_answering_use_as_many_threads_as_the_context_says(threads, used, monkeypatch):
    course, seen = Course(threads=threads), []
    course.at_step = lambda progress: seen.append(torch.get_num_threads())
    trained = course.teach()
    answer = type(trained._trained).log_probabilities
    monkeypatch.setattr(
        type(trained._trained),
        "log_probabilities",
        lambda self, requests: seen.append(torch.get_num_threads()) or answer(self, requests),
    )
    trained.generate(asks(questions_of("val")))
    assert set(seen) == {used}


def environment_of(threads: int, **environment: str) -> tuple[str, str]:
    """In a fresh interpreter: how long waiting threads of libgomp spin, and the wait policy that is left behind."""
    code = (
        "import os; from mmbench_baselines.threads import compute_threads\n"
        f"with compute_threads({threads}): pass\n"
        "print(os.environ.get('OMP_WAIT_POLICY'))"
    )
    known = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    known |= {"OMP_DISPLAY_ENV": "VERBOSE", **environment}
    done = subprocess.run([sys.executable, "-c", code], env=known, capture_output=True, text=True, check=True)
    spins = [line.partition("=")[2].strip(" '") for line in done.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    if not spins:
        pytest.skip("torch does not stand on libgomp here")
    return spins[0], done.stdout.strip()


def test_several_threads_sleep_while_they_wait_and_the_environment_stays_as_it_was():
    assert environment_of(2) == ("0", "None")


def test_one_thread_needs_no_wait_policy_and_what_the_user_chose_holds():
    assert environment_of(1)[0] != "0"
    spins, policy = environment_of(2, OMP_WAIT_POLICY="active")
    assert (spins != "0", policy) == (True, "active")
