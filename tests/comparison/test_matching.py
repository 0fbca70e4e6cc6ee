"""Samples of two runs that are the same question, whatever their ids are."""

from mmbench.comparison.matching import agree, match
from mmbench.results.schema import AskedLine


def lines(*questions: str, start: int = 0, prefix: str = "", right: str = "yes") -> list[AskedLine]:
    return [
        AskedLine(id=f"{prefix}{n}", position=n, question=text, references=(right,))
        for n, text in enumerate(questions, start)
    ]


def test_equal_ids_match_and_a_changed_question_stays_matched() -> None:
    found = match(lines("a?", "b?", "c?"), lines("a?", "B changed?", "c?"))
    assert (found.how, found.pairs) == ("id", [(0, 0), (1, 1), (2, 2)])


def test_other_ids_match_by_place_and_pairs_that_disagree_are_dropped() -> None:
    found = match(lines("a?", "b?", "c?"), lines("a?", "other?", "c?", prefix="test-"))
    assert (found.how, found.pairs) == ("position", [(0, 0), (2, 2)])


def test_shuffled_questions_match_by_content_in_order_of_equal_ones() -> None:
    found = match(lines("a?", "b?", "a?"), lines("b?", "a?", "a?", prefix="x"))
    assert (found.how, found.pairs) == ("content", [(0, 1), (1, 0), (2, 2)])


def test_ids_that_mean_other_samples_are_not_believed() -> None:
    """Two selections of one data set, each numbered from 0."""
    found = match(lines("a?", "b?", "c?"), lines("b?", "c?", "d?"))
    assert (found.how, found.pairs) == ("content", [(1, 0), (2, 1)])


def test_a_question_within_a_prompt_is_the_same() -> None:
    asked = AskedLine(id="0", prompt="What is it?\nAnswer with a single word.", references=("cat",))
    assert agree(asked, AskedLine(id="7", question="what is it?", references=("Cat",)))
    assert not agree(asked, AskedLine(id="7", question="where is it?", references=("cat",)))
    assert match([asked], [AskedLine(id="7", question="what is it?", references=("Cat",))]).how == "content"


def test_ids_match_where_nothing_more_is_known() -> None:
    found = match([AskedLine(id="a"), AskedLine(id="b")], [AskedLine(id="b"), AskedLine(id="c")])
    assert (found.how, found.pairs) == ("id", [(1, 0)])
