"""Tasks that break one promise each: the kit names that promise, and lets a task that keeps them all pass."""

from dataclasses import replace
from typing import Any

import pytest
from broken_tasks import (
    AsksNothing,
    AsksOtherwiseEachTime,
    Broken,
    ChanceOfAnUnknownMetric,
    ChanceOutOfBounds,
    ChangesResponses,
    ChoiceTwice,
    ClosedWithoutChoices,
    DrawnWhenBuilt,
    DuplicateIds,
    Empty,
    ErrorIsWrong,
    FirstOfTheTied,
    GivesReferences,
    GivesSample,
    IgnoresAFailure,
    LineBreakInId,
    LooksAtTextAlone,
    MissingColumn,
    MissingPicture,
    MissingTable,
    NoLicence,
    NormalisesInPlace,
    NotANumber,
    NoTestSplit,
    OrderOfASet,
    OtherFingerprintEachTime,
    OtherOrderEachTime,
    OtherScoreEachTime,
    RaisesOnEmptyText,
    RefusedIsFailed,
    RelativeToTheSet,
    RightIsWrong,
    SameIdsInEverySplit,
    ScoresByPosition,
    ScoresWhatFailed,
    ShortStatus,
    SolvesWithANumber,
    TestGroupInTrain,
    TextsAlone,
    TruncatedUnsaid,
    TwoImages,
    TwoMetricsOfOneId,
    UnannouncedKind,
    UnknownModality,
    UnknownPrimary,
    UnparsableMetricId,
    UnparsedUnsaid,
    WrongBounds,
)

from mmbench.core import (
    DataError,
    Metric,
    MetricId,
    MissingExtraError,
    Sample,
    ScoreTable,
)
from mmbench.metrics.formulas import ratio
from mmbench.testing import Check, ConformanceError, ProbeTask, check_task
from mmbench.testing.report import Report


def failing(report: Report) -> set[str]:
    return {check.name for check in report.failed}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["generate", "choose", "embed"])
def test_a_task_that_keeps_its_promises_passes(kind: Any) -> None:
    report = check_task(ProbeTask(kind))
    assert report.ok
    assert {check.status for check in report} <= {"pass", "skip"}
    assert report.kind == "task"
    assert report.name == f"probe/{kind}"
    report.raise_if_failed()


def test_a_registered_name_must_be_the_tasks_own() -> None:
    assert check_task(ProbeTask(), fresh_process=False, registered="probe/generate")["registered name"].status == "pass"
    assert check_task(ProbeTask(), fresh_process=False, registered="probe/other")["registered name"].status == "fail"
    assert check_task(ProbeTask(), fresh_process=False)["registered name"].status == "skip"


def test_a_choice_that_stands_there_twice_is_noted() -> None:
    report = check_task(ChoiceTwice(), fresh_process=False)
    assert report["samples"].status == "note"
    assert report["requests"].status == "pass"


@pytest.mark.slow
def test_a_class_is_built() -> None:
    assert check_task(ProbeTask).ok


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "check", "said"),
    [
        (NoLicence, "info", "licence"),
        (NoTestSplit, "info", "splits"),
        (UnknownPrimary, "metric ids", "'f1'"),
        (TwoMetricsOfOneId, "metric ids", "'accuracy'"),
        (UnparsableMetricId, "metric ids", "Accuracy of all!"),
        (Empty, "samples", "empty"),
        (DuplicateIds, "ids", "more than once"),
        (LineBreakInId, "ids", "two\\nlines"),
        (OtherOrderEachTime, "stable samples", "order"),
        (TestGroupInTrain, "splits", "'test-red-0'"),
        (SameIdsInEverySplit, "splits", "'row-0'"),
        (OtherFingerprintEachTime, "fingerprint", "differ"),
        (UnannouncedKind, "requests", "embed request"),
        (AsksNothing, "requests", "no request"),
        (LooksAtTextAlone, "modalities", "'image'"),
        (UnknownModality, "modalities", "'smell'"),
        (TwoImages, "modalities", "2 images"),
        (AsksOtherwiseEachTime, "same requests", "other requests"),
        (ClosedWithoutChoices, "closed answers", "no choices"),
        (GivesReferences, "hidden answers", "references"),
        (GivesSample, "hidden answers", "'about'"),
        (MissingPicture, "media", "no/such/picture.png"),
        (OrderOfASet, "fresh process", "order"),
        (DrawnWhenBuilt, "fresh process", "sample ids"),
        (ChanceOfAnUnknownMetric, "chance", "'f1'"),
        (ChanceOutOfBounds, "chance", "bounds"),
        (SolvesWithANumber, "solutions", "solve returned"),
        (NotANumber, "tables", "not finite"),
        (MissingTable, "tables", "'answer'"),
        (MissingColumn, "tables", "'precision'"),
        (ShortStatus, "tables", "15 entries in status"),
        (ScoresWhatFailed, "tables", "whose status is"),
        (OtherScoreEachTime, "pure", "differ"),
        (ChangesResponses, "pure", "changes"),
        (lambda: NormalisesInPlace("embed"), "pure", "changes"),
        (ScoresByPosition, "order", "another order"),
        (RelativeToTheSet, "shards", "halves"),
        (RightIsWrong, "oracle", "accuracy = 0.9375"),
        (ErrorIsWrong, "errors", "'unparsed'"),
        (lambda: IgnoresAFailure("embed"), "partial errors", "no unit is counted"),
        (RefusedIsFailed, "refusals", "'error'"),
        (UnparsedUnsaid, "unparsable", "expected unparsed"),
        (RaisesOnEmptyText, "unparsable", "IndexError"),
        (TruncatedUnsaid, "truncated", "expected truncated"),
        (TextsAlone, "choices", "solve returned"),
        (FirstOfTheTied, "ties", "chance says"),
        (WrongBounds, "metric accuracy", "bounds"),
    ],
)
def test_a_broken_promise_is_named(task: Any, check: str, said: str) -> None:
    report = check_task(task(), fresh_process=check == "fresh process")
    assert report[check].status == "fail"
    assert said in report[check].detail
    assert report[check].advice
    assert not report.ok


@pytest.mark.parametrize(
    "task",
    [NoLicence, LineBreakInId, OtherFingerprintEachTime, GivesReferences, UnparsedUnsaid],
)
def test_one_broken_promise_does_not_fail_unrelated_checks(task: Any) -> None:
    assert len(failing(check_task(task(), fresh_process=False))) <= 2


@pytest.mark.slow
def test_what_builds_on_a_failure_is_skipped_and_says_so() -> None:
    report = check_task(SolvesWithANumber())
    assert failing(report) == {"solutions"}
    assert report["order"] == Check("order", "skip", "It needs the solutions, which failed above.")


def test_an_object_that_is_no_task() -> None:
    class HalfATask:
        def samples(self, split: str = "test") -> list[Sample]:
            return []

    report = check_task(HalfATask())  # type: ignore[arg-type]
    assert failing(report) == {"methods"}
    assert "solve" in report["methods"].detail


def test_a_class_that_cannot_be_built() -> None:
    class NeedsMore(ProbeTask):
        def __init__(self, folder: str) -> None:
            super().__init__()

    report = check_task(NeedsMore)
    assert failing(report) == {"build"}
    assert "folder" in report["build"].detail


def test_broken_data_and_missing_extras_are_no_fault_of_the_task() -> None:
    class BrokenFile(Broken):
        def samples(self, split: str = "test") -> list[Sample]:
            raise DataError("my.jsonl, line 3: no field 'answer'")

    class NeedsExtra(Broken):
        def samples(self, split: str = "test") -> list[Sample]:
            raise MissingExtraError("my task", "my-extra")

    with pytest.raises(DataError, match="line 3"):
        check_task(BrokenFile())
    with pytest.raises(MissingExtraError):
        check_task(NeedsExtra())


def test_media_shared_between_groups_are_noted() -> None:
    class OnePicture(Broken):
        def samples(self, split: str = "test") -> list[Sample]:
            picture = ProbeTask().samples()[0].parts[0]
            return [replace(s, parts=(picture, s.parts[1]), group="") for s in super().samples(split)]

    report = check_task(OnePicture())
    assert report["shared media"].status == "note"
    assert "in several groups" in report["shared media"].detail
    assert "'train'" in report["shared media"].detail
    assert "shared media" not in failing(report)


def test_a_task_that_cannot_be_sent_to_another_process_is_not_blamed() -> None:
    class Local(ProbeTask):
        pass

    check = check_task(Local())["fresh process"]
    assert check.status == "skip"
    assert "pickle" in check.detail


def test_a_set_level_score_is_not_expected_to_add_up() -> None:
    class SetLevel:
        """As `RelativeToTheSet`, but no PerSampleTask."""

        def __init__(self) -> None:
            self.inner = RelativeToTheSet()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    check = check_task(SetLevel())["shards"]  # type: ignore[arg-type]
    assert check.status == "skip"
    assert "as a whole" in check.detail


def test_the_seed_and_the_number_of_samples_are_the_callers() -> None:
    seen: list[set[str]] = []

    class Watched(Broken):
        def score(self, samples: Any, responses: Any) -> dict[str, ScoreTable]:
            seen.append({sample.id for sample in samples})
            return super().score(samples, responses)

    assert check_task(Watched(), n_samples=4, seed=1).ok
    first = set.union(*seen)
    seen.clear()
    assert check_task(Watched(), n_samples=4, seed=2).ok
    assert len(first) == len(set.union(*seen)) == 4
    assert first != set.union(*seen)


def test_a_failed_report_raises_with_every_failure() -> None:
    class TwoFaults(NoLicence):
        def fingerprint(self) -> str:
            return ""

    with pytest.raises(ConformanceError) as caught:
        check_task(TwoFaults()).raise_if_failed()
    assert caught.value.exit_code == 4
    assert "info" in str(caught.value)
    assert "fingerprint" in str(caught.value)
    assert "To do:" in str(caught.value)


def test_metrics_are_checked_over_the_tasks_own_table() -> None:
    class TwoColumns(Broken):
        @property
        def metrics(self) -> Any:
            stateful = iter(range(10**6))
            unsteady = Metric(
                MetricId("unsteady"), "sample", ("accuracy", "1"), formula=lambda sums: ratio(sums) * 0 + next(stateful)
            )
            return [*super().metrics, unsteady]

    report = check_task(TwoColumns())
    assert report["metric unsteady"].status == "fail"
    assert report["metric accuracy"].status == "pass"
