"""What will be asked, in which batches, and what is left of it: each request exactly once."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import DataError, DatasetInfo, Embed, Generate, Sample, Selection, TaskInfo, UnknownNameError
from mmbench.core.model import Capabilities
from mmbench.data import image_from_bytes
from mmbench.resolve.samples import select
from mmbench.resolve.task_names import ResolvedTask
from mmbench.results.schema import ResponseLine, TaskSource
from mmbench.runner.plan import planner
from mmbench.runner.plan.batching import cut, estimated_cost
from mmbench.runner.plan.log_state import LogState
from mmbench.runner.plan.task_plan import TaskPlan, plan_task

EVERYTHING = Capabilities(frozenset({"generate", "choose", "embed"}), frozenset(), learns=False, collates=False)


class Mixed:
    """A task whose samples make any number of requests of two kinds; texts to embed may repeat."""

    metrics = ()

    def __init__(self, samples: Sequence[Sequence[str]]) -> None:
        self.given = samples
        self.info = TaskInfo(
            name="mixed/task",
            version="1",
            description="",
            dataset=DatasetInfo("", "", "", ""),
            request_kinds=frozenset({"generate", "embed"}),
            primary=(),
        )

    def fingerprint(self) -> str:
        return "0"

    def samples(self, split: str = "test") -> list[Sample]:
        return [Sample(id=f"s/{i}", parts=tuple(texts)) for i, texts in enumerate(self.given)]

    def requests(self, sample: Sample) -> list[Any]:
        return [
            Embed(part=text) if isinstance(text, str) and text.startswith("e") else Generate(parts=(text,))
            for text in sample.parts
        ]


def plan_of(samples: Sequence[Sequence[str]]) -> TaskPlan:
    task: Any = Mixed(samples)
    return plan_task(ResolvedTask(task, TaskSource(name="mixed")), EVERYTHING, Selection(), 0)


def test_requests_are_kept_until_they_are_asked_unless_a_task_makes_images_for_them() -> None:
    plan = plan_of([["g1"], ["g2", "g3"], ["g4"]])
    kept = plan.enumerated[1][1]
    assert plan.requests([2])[0] is kept
    assert 1 not in plan.enumerated
    assert 2 in plan.enumerated
    made: Any = image_from_bytes(b"\x89PNG\r\n\x1a\n")
    assert not plan_of([["g1"], [made], ["g2"]]).enumerated


def test_a_command_keeps_no_more_requests_than_one_large_task_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "MOST_KEPT", 9)
    plans, kept = planner._Plans(), list[int]()
    model: Any = SimpleNamespace(capabilities=EVERYTHING)
    spec: Any = SimpleNamespace(selection=Selection(), seed=0)
    for name in ("one", "two"):
        task: Any = Mixed([["g1"]] * 6)
        task.info = replace(task.info, name=f"mixed/{name}")
        kept.append(len(plans.plan(ResolvedTask(task, TaskSource(name=name)), model, spec).enumerated))
    assert kept == [5, 0]  # one was looked at for its generation parameters


texts = st.sampled_from(["e1", "e2", "e3", "e4", "g1", "a longer question that costs more"])
worlds = st.lists(st.lists(texts, max_size=4), min_size=1, max_size=25).map(plan_of)
costs = st.none() | st.floats(1, 200)


@pytest.mark.slow
@given(worlds, st.integers(1, 70), costs)
def test_every_request_that_repeats_none_is_in_exactly_one_batch(plan: TaskPlan, size: int, cost: float | None) -> None:
    batched = [number for batch in cut(plan, size, cost) for number in batch]
    assert len(batched) == len(set(batched))
    assert set(batched) | set(plan.duplicates) == set(range(plan.n_requests))
    assert not set(batched) & set(plan.duplicates)


@pytest.mark.slow
@given(worlds, st.integers(1, 70), costs)
def test_no_batch_is_empty_too_large_too_costly_or_of_mixed_kinds(
    plan: TaskPlan, size: int, cost: float | None
) -> None:
    for batch in cut(plan, size, cost):
        requests = plan.requests(batch)
        assert 1 <= len(batch) <= size
        assert len({request.kind for request in requests}) == 1
        if cost is not None and len(batch) > 1:
            assert sum(map(estimated_cost, requests)) <= cost + 1e-9


@given(worlds)
def test_requests_have_unique_ids_that_lead_back_to_their_numbers(plan: TaskPlan) -> None:
    made = plan.requests(range(plan.n_requests))
    ids = [request.id for request in made]
    assert len(set(ids)) == len(ids)
    places = plan.places()
    assert [plan.number_of(line_id, places) for line_id in ids] == list(range(plan.n_requests))
    assert plan.number_of("mixed/task/s/0/99", places) is None
    assert plan.number_of("other/task/s/0/0", places) is None
    assert plan.number_of("nonsense", places) is None


@pytest.mark.slow
@given(worlds, st.data())
def test_requests_are_the_same_in_whatever_order_they_are_built(plan: TaskPlan, data: st.DataObject) -> None:
    numbers = data.draw(st.permutations(range(plan.n_requests)))
    whole = plan.requests(range(plan.n_requests))
    assert plan.requests(numbers) == [whole[number] for number in numbers]


@given(worlds)
def test_a_request_that_repeats_another_shares_its_content(plan: TaskPlan) -> None:
    whole = plan.requests(range(plan.n_requests))
    for number, earlier in plan.duplicates.items():
        assert earlier < number
        assert earlier not in plan.duplicates
        assert whole[number].content == whole[earlier].content


def line(plan: TaskPlan, number: int, status: Any, row: int | None = None) -> ResponseLine:
    return ResponseLine(id=plan.requests([number])[0].id, status=status, row=row)


@pytest.mark.slow
@given(worlds, st.integers(1, 9), st.data())
def test_what_remains_is_all_that_has_no_good_end_and_only_batches_with_something_missing_are_whole(
    plan: TaskPlan, size: int, data: st.DataObject
) -> None:
    batches = cut(plan, size, None)
    numbers = [number for batch in batches for number in batch]
    choice = st.sampled_from(["ok", "refused", "error", "timeout"])
    history = data.draw(st.lists(st.tuples(st.sampled_from(numbers), choice), max_size=40) if numbers else st.just([]))
    state = LogState(plan, (line(plan, number, status) for number, status in history))
    well = {number for number, status in history if status in ("ok", "refused")}
    failed = {number for number, _ in history} - well
    left = dict(state.remaining(batches))
    for place, batch in enumerate(batches):
        asked = set(left.get(place, ()))
        missing = set(batch) - well - failed
        if missing:
            assert asked == set(batch)
        else:
            assert asked == failed & set(batch)


@pytest.mark.slow
@given(worlds, st.integers(1, 9))
def test_once_everything_has_ended_well_nothing_remains(plan: TaskPlan, size: int) -> None:
    batches = cut(plan, size, None)
    state = LogState(plan, [line(plan, number, "ok") for batch in batches for number in batch])
    assert state.remaining(batches) == []


def test_a_good_end_is_never_undone_by_a_later_failure() -> None:
    plan = plan_of([["g1"], ["g2"]])
    state = LogState(plan, [line(plan, 0, "ok"), line(plan, 0, "error"), line(plan, 1, "error"), line(plan, 1, "ok")])
    assert state.remaining([[0, 1]]) == []


def test_lines_of_samples_that_are_not_selected_still_hold_their_rows() -> None:
    plan = plan_of([["e1"]])
    gone = ResponseLine(id="mixed/task/s/7/0", status="ok", row=41)
    assert LogState(plan, [gone, line(plan, 0, "ok", 3)]).rows == 42


# --- which samples ---


def samples(*groups: str) -> list[Sample]:
    return [Sample(id=f"s{i}", parts=("?",), group=group) for i, group in enumerate(groups)]


def chosen(limit: int, *groups: str) -> list[str]:
    return [sample.id for sample in select(samples(*groups), Selection(limit=limit), "t")]


def test_a_limit_takes_whole_groups_and_at_least_one() -> None:
    assert chosen(1, "a", "a", "b") == ["s0", "s1"]
    assert chosen(2, "a", "a", "b") == ["s0", "s1"]
    assert chosen(3, "a", "a", "b", "c") == ["s0", "s1", "s2"]
    assert chosen(3, "a", "a", "b", "b", "c") == ["s0", "s1"]


def test_a_limit_takes_a_group_whole_even_when_it_is_scattered() -> None:
    assert chosen(2, "a", "b", "a", "c") == ["s0", "s2"]


def test_samples_without_a_group_are_groups_of_their_own() -> None:
    assert chosen(2, "", "", "") == ["s0", "s1"]


@given(st.lists(st.sampled_from("abcdef"), min_size=1), st.integers(1, 40))
def test_a_limit_is_a_prefix_of_the_groups_and_a_larger_one_extends_it(groups: list[str], limit: int) -> None:
    smaller, larger = chosen(limit, *groups), chosen(limit + 3, *groups)
    assert smaller
    assert set(smaller) <= set(larger)
    taken = {groups[int(sample_id[1:])] for sample_id in smaller}
    assert smaller == [f"s{i}" for i, group in enumerate(groups) if group in taken]
    assert len(smaller) <= limit or len(taken) == 1


def test_ids_choose_samples_in_the_order_of_the_data() -> None:
    picked = select(samples("", "", ""), Selection(ids=("s2", "s0")), "t")
    assert [sample.id for sample in picked] == ["s0", "s2"]


def test_an_unknown_id_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown sample of t 's33'. Did you mean 's3'"):
        select(samples(*"abcdef"), Selection(ids=("s33",)), "t")


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(DataError, match="t has no samples in its split 'test'"):
        select([], Selection(), "t")


def test_ids_that_occur_twice_are_refused_by_name() -> None:
    twice = [*samples("", ""), *samples("", "")]
    with pytest.raises(DataError, match="t has 2 sample ids that occur more than once: s0, s1"):
        select(twice, Selection(), "t")


def test_requests_are_numbered_in_the_order_of_the_samples() -> None:
    plan = plan_of([["g1", "e1"], [], ["e1", "g1"]])
    assert plan.first == array("l", [0, 2, 2, 4])
    assert plan.duplicates == {2: 1}, "the same text to embed; the same question is asked twice"
