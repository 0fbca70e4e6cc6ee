"""Names that travel: metric ids round-trip, seeds depend on names alone, misspelt names find their neighbours."""

import contextlib
import gc
import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import MetricId, UnknownNameError, dataset_digest, derive_seed, nearest_names
from mmbench.core.collecting import collection_paused

names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
words = st.from_regex(r"[A-Za-z0-9_.+-]{1,8}", fullmatch=True)
metric_ids = st.builds(
    MetricId,
    names,
    st.none() | st.integers(1, 10**6),
    st.dictionaries(words, words, max_size=4).map(lambda params: tuple(params.items())),
)


@pytest.mark.slow
@given(metric_ids)
def test_a_metric_id_round_trips_through_its_text(metric: MetricId) -> None:
    assert MetricId.parse(str(metric)) == metric
    assert str(MetricId.parse(str(metric))) == str(metric)


@pytest.mark.slow
@given(metric_ids, st.randoms())
def test_the_order_in_which_parameters_are_written_means_nothing(metric: MetricId, draw: object) -> None:
    params = list(metric.params)
    draw.shuffle(params)  # type: ignore[attr-defined]
    assert MetricId(metric.name, metric.cutoff, tuple(params)) == metric
    cutoff = "" if metric.cutoff is None else f"@{metric.cutoff}"
    text = f" {metric.name}{cutoff}" + (f"( {' , '.join(f'{k} = {v}' for k, v in params)} )" if params else "")
    assert MetricId.parse(text) == metric


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Recall",
        "recall@",
        "recall@0",
        "recall@-1",
        "recall@05",
        "recall@5.0",
        "recall(direction)",
        "recall(=t2i)",
        "recall(direction=)",
        "recall(direction=t2i",
        "recall(direction=t2i))",
        "recall(a=1,a=2)",
        "recall(a=1,,b=2)",
        "recall(a=b c)",
        "recall(a=b)@5",
        "recall recall",
        "5recall",
    ],
)
def test_what_is_no_metric_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        MetricId.parse(text)


@pytest.mark.parametrize("parts", [("Recall", None, ()), ("recall", 0, ()), ("recall", None, (("a", "b,c"),))])
def test_an_id_that_would_not_round_trip_cannot_be_made(parts: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="not"):
        MetricId(*parts)  # type: ignore[arg-type]


@pytest.mark.slow
@given(st.lists(st.integers() | st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_a_seed_depends_on_its_parts_alone(parts: list[int | str]) -> None:
    assert derive_seed(*parts) == derive_seed(*parts)
    assert 0 <= derive_seed(*parts) < 2**63


def test_a_seed_is_the_same_in_every_process() -> None:
    code = "from mmbench.core import derive_seed; print(derive_seed(3, 'vqa/easy-vqa', 'test-0'))"
    printed = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert printed == {f"{derive_seed(3, 'vqa/easy-vqa', 'test-0')}\n"}


def test_neighbouring_samples_get_unrelated_seeds() -> None:
    seeds = {derive_seed(run, "task", f"sample-{i}") for run in range(3) for i in range(1000)}
    assert len(seeds) == 3000
    assert len({seed % 7 for seed in seeds}) == 7


def test_parts_do_not_run_into_each_other() -> None:
    assert derive_seed("ab", "c") != derive_seed("a", "bc")
    assert derive_seed(1, 23) != derive_seed(12, 3)


@pytest.mark.parametrize(
    ("typed", "known", "found"),
    [
        ("vqa/esy-vqa", ["vqa/easy-vqa", "retrieval"], ["vqa/easy-vqa"]),
        ("RANDOM", ["random", "constant"], ["random"]),
        ("easy-vqa", ["vqa/easy-vqa", "vqa"], ["vqa/easy-vqa"]),
        ("zzz", ["random", "constant"], []),
        ("", ["random"], []),
        ("limt", ["limit", "split"], ["limit"]),
    ],
)
def test_nearest_names(typed: str, known: list[str], found: list[str]) -> None:
    assert nearest_names(typed, known)[: len(found) or 1] == found


@pytest.mark.slow
@given(names, st.lists(names))
def test_a_name_that_is_known_is_its_own_nearest(name: str, others: list[str]) -> None:
    assert name in nearest_names(name, [*others, name])


def test_an_unknown_name_offers_its_neighbours_in_one_sentence() -> None:
    error = UnknownNameError("task", "vqq", ["vqa", "retrieval"], hint="See: mmbench list tasks")
    assert str(error) == "unknown task 'vqq'. Did you mean 'vqa'? See: mmbench list tasks"
    assert str(UnknownNameError("task", "zzzzz", ["vqa"])) == "unknown task 'zzzzz'."
    assert error.exit_code == 2


def test_a_digest_of_many_parts_is_that_of_each_with_its_type_and_length() -> None:
    parts = [part for n in range(9000) for part in (f"text {n % 70}", "é" * (n % 5), b"\x00" * (n % 3), f"{n}" * 9)]
    digest = hashlib.sha256()
    for part in parts:
        data, tag = (part.encode(), b"t") if isinstance(part, str) else (part, b"b")
        digest.update(b"%s%d:%s" % (tag, len(data), data))
    assert dataset_digest(parts) == digest.hexdigest()


def test_a_digest_is_of_types_lengths_and_contents_in_order():
    parts = ["a", "Straße", b"raw", "", "x" * 100, "a", *(str(n) for n in range(9_000)), b""]
    by_hand = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        by_hand.update(("t" if isinstance(part, str) else "b").encode() + str(len(data)).encode() + b":" + data)
    assert dataset_digest(iter(parts)) == by_hand.hexdigest()


def test_collection_is_paused_and_goes_on_after_errors():
    states = []
    with contextlib.suppress(ZeroDivisionError), collection_paused():
        states.append(gc.isenabled())
        1 / 0  # noqa: B018
    assert [*states, gc.isenabled()] == [False, True]
