"""Question files: every layout that is promised, and for every mistake the file, the line and what was expected."""

import json
import shutil
import tracemalloc
from pathlib import Path

import pytest
from helpers import write_picture
from PIL import Image

from mmbench.core import DataError
from mmbench.data import digest_file, read_questions

GOOD = {"image": "a.png", "question": "What colour?", "answer": "red"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (4, 4), colour).save(tmp_path / name)
    return tmp_path


def write(folder: Path, *rows: object, name: str = "q.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def problem(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_questions(path)
    text = str(caught.value)
    assert path.name in text
    assert "\n" not in text
    return text


def test_a_line_of_jsonl(folder: Path) -> None:
    row = {**GOOD, "id": "x7", "choices": ["red", "blue"], "slices": {"size": "small", "n": 2}, "type": "colour"}
    (question,) = read_questions(write(folder, row))
    assert (question.id, question.question, question.answers) == ("x7", "What colour?", ("red",))
    assert question.choices == ("red", "blue")
    assert question.slices == {"size": "small", "n": "2", "type": "colour"}
    assert question.image is not None
    assert question.image.digest == digest_file(folder / "a.png")
    assert question.image.load().getpixel((0, 0)) == (255, 0, 0)


def test_the_same_questions_in_every_layout(folder: Path) -> None:
    rows = [
        {"id": "1", "image": "a.png", "question": 'Two, or "three"?', "answers": ["2", "two"], "choices": ["2", "3"]},
        {"id": "2", "image": "b.png", "question": "Línea uno\ny dos?", "answers": ["no"], "choices": ["no", "yes"]},
    ]
    cells = 'id{0}image{0}question{0}answers{0}choices\r\n1{0}a.png{0}"Two, or ""three""?"{0}2|two{0}2 | 3\r\n'
    cells += '\r\n2{0}b.png{0}"Línea uno\ny dos?"{0}no{0}no|yes\r\n'
    (folder / "q.csv").write_bytes(cells.format(",").encode())
    (folder / "q.tsv").write_bytes(b"\xef\xbb\xbf" + cells.format("\t").encode())
    (folder / "q.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    (folder / "q.ndjson").write_bytes(b"\xef\xbb\xbf" + "\n\n".join(map(json.dumps, rows)).encode() + b"\r\n")
    expected = read_questions(write(folder, *rows))
    assert len(expected) == 2
    for suffix in ("csv", "tsv", "json", "ndjson"):
        assert read_questions(folder / f"q.{suffix}") == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("red", ("red",)), (2, ("2",)), (1.50, ("1.5",)), (-3, ("-3",))],
)
def test_an_answer_may_be_a_number(answer: object, expected: tuple[str, ...], folder: Path) -> None:
    assert read_questions(write(folder, {**GOOD, "answer": answer}))[0].answers == expected


def test_a_number_stays_as_it_is_written(folder: Path) -> None:
    (question,) = read_questions(write(folder, '{"image": "a.png", "question": "?", "answer": 1.50, "id": 7e1}'))
    assert (question.answers, question.id) == (("1.50",), "7e1")


def test_answers_of_several_people(folder: Path) -> None:
    row = {"image": "a.png", "question": "?", "answers": [{"answer": "red", "answer_id": 1}, "dark red", 5, "red"]}
    assert read_questions(write(folder, row))[0].answers == ("red", "dark red", "5", "red")
    assert read_questions(write(folder, {**row, "answer": "dark red"}))[0].answers == ("red", "dark red", "5", "red")


def test_people_of_one_id_and_confidence_are_not_told_apart(folder: Path) -> None:
    row = {"image": "a.png", "question": "?", "answers": ["red", "red"]}
    sure = [{"answer": "red", "answer_confidence": "yes"}, {"answer": "red", "answer_confidence": "no"}]
    assert read_questions(write(folder, row))[0].records == ()
    assert read_questions(write(folder, {**row, "answers": sure}))[0].records == ()
    assert len(set(read_questions(write(folder, {**row, "answers": [*sure, sure[0]]}))[0].records)) == 2
    told = [{**each, "answer_id": n} for n, each in enumerate([*sure, sure[0]])]
    assert read_questions(write(folder, {**row, "answers": told}))[0].records == ()


def test_answers_alone_need_no_pictures_and_no_questions(folder: Path) -> None:
    path = write(folder, {"image": "nowhere.png", "answer": "red"}, {"answer": "blue"}, {"image": None, "answer": "1"})
    first, *others = read_questions(path, pictures=False)
    assert (first.image, first.question, first.group, first.answers) == (None, "", "nowhere.png", ("red",))
    assert [question.group for question in others] == ["", ""]
    with pytest.raises(DataError, match="missing field 'question'"):
        read_questions(path)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("choises", "choices"),
        ("Choices", "choices"),
        ("slice", "slices"),
        ("Type", "type"),
        ("questionid", "question_id"),
    ],
)
def test_a_misspelt_optional_field_is_refused(folder: Path, slip: str, meant: str) -> None:
    with pytest.raises(DataError, match=f"line 1: unknown field '{slip}'; did you mean '{meant}'"):
        read_questions(write(folder, {**GOOD, slip: ["red", "blue"]}))


def test_other_fields_are_left_alone(folder: Path) -> None:
    more = {
        "answer_type": "x",
        "question_type": 1,
        "answerable": 1,
        "image_id": 3,
        "multiple_choice_answer": "y",
        "note": None,
    }
    assert read_questions(write(folder, {**GOOD, **more})) == read_questions(write(folder, GOOD))


def test_ids_default_to_the_position_and_stay_when_lines_are_added(folder: Path) -> None:
    first = [q.id for q in read_questions(write(folder, GOOD, "", {**GOOD, "question_id": 12}, GOOD))]
    more = [q.id for q in read_questions(write(folder, GOOD, "", {**GOOD, "question_id": 12}, GOOD, GOOD))]
    assert first == ["row-0", "12", "row-2"]
    assert more[:3] == first


def test_a_question_may_have_no_picture(folder: Path) -> None:
    assert read_questions(write(folder, {**GOOD, "image": None}))[0].image is None


def test_pictures_are_looked_for_beside_below_and_by_absolute_path(folder: Path) -> None:
    (folder / "images").mkdir()
    (folder / "val" / "deep").mkdir(parents=True)
    for name in ("images/i.png", "val/v.png", "val/deep/d.png"):
        shutil.copy(folder / "a.png", folder / name)
    names = ["a.png", "i.png", "v.png", "deep/d.png", "val/v.png", str(folder / "b.png")]
    questions = read_questions(write(folder, *[{**GOOD, "image": name} for name in names]))
    found = [Path(q.image.path or "").relative_to(folder).as_posix() for q in questions if q.image]
    assert found == ["a.png", "images/i.png", "val/v.png", "val/deep/d.png", "val/v.png", "b.png"]


def test_a_name_that_was_written_on_windows_is_found(folder: Path) -> None:
    (folder / "pictures" / "day one").mkdir(parents=True)
    shutil.move(folder / "b.png", folder / "pictures" / "day one" / "b.png")
    (question,) = read_questions(write(folder, {**GOOD, "image": "pictures\\day one\\b.png"}))
    assert question.image is not None
    assert question.image.load().getpixel((0, 0)) == (0, 0, 255)


def test_one_medium_for_all_questions_on_a_picture(folder: Path) -> None:
    questions = read_questions(write(folder, *[{**GOOD, "choices": ["red", "blue"], "type": "c"}] * 3))
    for field in ("image", "answers", "choices", "slices"):
        assert len({id(getattr(question, field)) for question in questions}) == 1


def test_all_missing_pictures_are_reported_at_once(folder: Path) -> None:
    rows = [GOOD, *[{**GOOD, "image": f"no{n}.png"} for n in range(7)], {**GOOD, "image": "no0.png"}]
    text = problem(write(folder, *rows))
    assert "7 images are missing" in text
    assert "no0.png (line 2), no1.png (line 3)" in text
    assert "no2.png (line 4) and 4 more" in text
    assert "no3" not in text
    assert str(folder) in text
    assert "images" in text


@pytest.mark.parametrize("name", ["nul\0byte.png", "x" * 5000 + ".png", "."])
def test_names_that_are_no_files_are_missing_pictures(name: str, folder: Path) -> None:
    assert "1 image is missing" in problem(write(folder, {**GOOD, "image": name}))


def test_a_name_in_several_folders_is_not_guessed(folder: Path) -> None:
    for sub in ("x", "y"):
        (folder / sub).mkdir()
        (folder / sub / "same.png").write_bytes(b"")
    text = problem(write(folder, {**GOOD, "image": "same.png"}))
    assert "several folders" in text
    assert "in x and y" in text


def test_a_corrupt_picture_is_no_problem_before_somebody_looks(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"not a picture")
    assert len(read_questions(write(folder, GOOD))) == 1


CASES = [
    ("{", "not valid JSON"),
    ('{"image": "a.png", "question": "?"', "not valid JSON"),
    ("[1]", "expected an object, found a list"),
    ("null", "expected an object, found null"),
    ({"image": "a.png", "question": "?"}, "missing field 'answer' or 'answers'"),
    ({"image": "a.png", "answer": "x"}, "missing field 'question'"),
    ({"question": "?", "answer": "x"}, "missing field 'image'"),
    ({}, "missing field 'image'; it has no fields"),
    ({"image": "a.png", "question": "?", "anwser": "x"}, "it has 'anwser', perhaps misspelt"),
    ({"image": "a.png", "quesion": "?", "answer": "x"}, "it has 'quesion', perhaps misspelt"),
    ({**GOOD, "question": 5}, "field 'question': expected a string, found the number 5"),
    ({**GOOD, "question": None}, "field 'question': expected a string, found null"),
    ({**GOOD, "question": " \n"}, "field 'question': expected a text, found an empty one"),
    ({**GOOD, "question": "\ud800"}, "surrogate"),
    ({**GOOD, "image": [["a.png"]]}, "field 'image': expected a string, found a list"),
    ({**GOOD, "image": ""}, "field 'image': expected a text"),
    ({**GOOD, "answer": None}, "field 'answer': expected a value, found null"),
    ({**GOOD, "answer": True}, "field 'answer': expected a string or a number, found true"),
    ({**GOOD, "answer": ["red"]}, "field 'answer': expected a string or a number, found a list"),
    ({**GOOD, "answer": "  "}, "field 'answer': expected a text"),
    ('{"image": "a.png", "question": "?", "answer": NaN}', "found the number nan"),
    ({**GOOD, "answers": []}, "field 'answers': expected at least one item"),
    ({**GOOD, "answers": "red"}, "field 'answers': expected a list of strings, found a string"),
    ({**GOOD, "answers": ["red", {"text": "red"}]}, "field 'answers', item 1: expected a string or an object"),
    ({**GOOD, "answers": ["red", ""]}, "field 'answers', item 1: expected a text"),
    ({**GOOD, "answers": ["blue"]}, "field 'answer' is not among 'answers'"),
    ({**GOOD, "choices": "red"}, "field 'choices': expected a list of strings, found a string"),
    ({**GOOD, "choices": []}, "field 'choices': expected at least one item"),
    ({**GOOD, "choices": ["green", "blue"]}, "none of the answers (red) is among the choices (green, blue)"),
    ({**GOOD, "slices": ["x"]}, "field 'slices': expected an object"),
    ({**GOOD, "slices": {"x": None}}, "field 'slices', label 'x': expected a string or a number, found null"),
    ({**GOOD, "type": {}}, "field 'type': expected a string or a number, found an object"),
    ({**GOOD, "id": "two\nlines"}, "is no id"),
    ({**GOOD, "id": True}, "field 'id': expected a string or a number"),
    ("[" * 100_000, "nested too deeply"),
]


@pytest.mark.parametrize(("row", "words"), CASES, ids=[words[:40] for _, words in CASES])
def test_a_bad_line_is_named(row: object, words: str, folder: Path) -> None:
    text = problem(write(folder, {**GOOD, "id": "first"}, "", row))
    assert "line 3:" in text
    assert words in text


def test_the_line_of_an_item_in_a_json_list(folder: Path) -> None:
    text = json.dumps([GOOD, {**GOOD, "question": 5}], indent=2)
    path = folder / "q.json"
    path.write_text(text)
    assert f"line {text.splitlines().index('  {', 3) + 1}: field 'question'" in problem(path)
    path.write_text("[\n{}\n,5]")
    assert "line 2: missing field" in problem(path)
    path.write_text(f"[{json.dumps(GOOD)},\n\n 5]")
    assert "line 3: expected an object, found the number 5" in problem(path)
    path.write_text("[\n{]")
    assert "line 2: not valid JSON" in problem(path)
    path.write_text('{"questions": []}')
    assert "holds no rows" in problem(path)
    path.write_text('{"version": 1}')
    assert "missing field 'image'; it has 'version'" in problem(path)


def test_duplicate_ids_name_both_lines(folder: Path) -> None:
    text = problem(write(folder, {**GOOD, "id": "x"}, GOOD, "", {**GOOD, "question_id": "x"}))
    assert "line 4: id 'x' is taken by line 1" in text


def test_a_default_id_may_not_collide_either(folder: Path) -> None:
    assert "line 2: id 'row-1' is taken by line 1" in problem(write(folder, {**GOOD, "id": "row-1"}, GOOD))


def test_no_rows(folder: Path) -> None:
    assert "holds no rows" in problem(write(folder, ""))
    assert "holds no rows" in problem(write(folder, "\n \n", name="b.ndjson"))
    assert "not valid JSON" in problem(write(folder, "", name="b.json"))
    assert "holds no rows" in problem(write(folder, "[]", name="q.json"))
    assert "holds no rows" in problem(write(folder, "image,question,answer", name="q.csv"))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["image,question,answer", 'a.png,"open,red'], "not valid CSV"),
        (["image,question,answer", "a.png,?,red", "a.png,?"], "line 3: expected 3 cells, as in the header, found 2"),
        (["image,question,answer", "a.png,?,red,more"], "line 2: expected 3 cells, as in the header, found 4"),
        (["image,question,image", "a.png,?,b.png"], "line 1: expected a header with different names"),
        (["image,question,answer", "a.png,,red"], "line 2: missing field 'question'"),
        (["image,question,anser", "a.png,?,red"], "it has 'anser', perhaps misspelt"),
        (["image,question,answer", ",?,red"], "missing field 'image'"),
        (["image,question,answers", "a.png,?,red||blue"], "field 'answers', item 1: expected a text"),
        (["image,question,answer,slices", "a.png,?,red,big"], "line 2: field 'slices': expected a JSON object"),
    ],
)
def test_a_bad_row_of_csv_is_named(rows: list[str], words: str, folder: Path) -> None:
    assert words in problem(write(folder, *rows, name="q.csv"))


def test_a_csv_row_that_spans_lines_is_named_by_its_first(folder: Path) -> None:
    rows = ["image,question,answer", 'a.png,"one', 'two",red', 'a.png,"one', 'two",']
    assert "line 4: missing field 'answer'" in problem(write(folder, *rows, name="q.csv"))


def test_slices_in_a_csv_cell(folder: Path) -> None:
    path = write(folder, "image,question,answer,slices,type", 'a.png,?,red,"{""x"": ""y""}",t', name="q.csv")
    assert read_questions(path)[0].slices == {"x": "y", "type": "t"}


@pytest.mark.parametrize(
    ("name", "line"), [("q.jsonl", json.dumps(GOOD)), ("q.csv", "image,question,answer"), ("q.json", "[")]
)
def test_not_utf_8(name: str, line: str, folder: Path) -> None:
    (folder / name).write_bytes(line.encode() + b"\n\xe9")
    assert "line 2: not UTF-8 text (byte 0xe9)" in problem(folder / name)


def test_utf_16_is_not_utf_8(folder: Path) -> None:
    (folder / "q.jsonl").write_bytes(json.dumps(GOOD).encode("utf-16"))
    assert "line 1: not UTF-8 text" in problem(folder / "q.jsonl")


def test_missing_file_unknown_suffix_and_folders(folder: Path) -> None:
    assert "there is no file" in problem(folder / "none.jsonl")
    assert "unknown kind of file '.doc'; expected one of .json" in problem(write(folder, GOOD, name="q.doc"))
    assert "found none" in problem(folder)
    write(folder, GOOD)
    assert len(read_questions(folder)) == 1
    write(folder, GOOD, name="r.json")
    assert "found q.jsonl, r.json; name one" in problem(folder)


@pytest.mark.slow
def test_many_questions_on_few_pictures_cost_little(folder: Path) -> None:
    n = 20_000
    rows = [
        {
            "id": f"question-{i}",
            "image": "ab"[i % 2] + ".png",
            "question": f"What is thing number {i}?",
            "answer": "red",
        }
        for i in range(n)
    ]
    path = write(folder, *rows)
    del rows
    tracemalloc.start()
    try:
        questions = read_questions(path)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(questions) == n
    assert held / n < 300
    assert peak / n < 600


# --- tables with options in columns and images in cells ---


def base64_of(folder: Path, number: int = 0) -> str:
    import base64

    write_picture(folder / f"cell-{number}.png", (number, 20, 30))
    return base64.b64encode((folder / f"cell-{number}.png").read_bytes()).decode()


def write_table(folder: Path, rows: list[dict[str, str]], name: str = "table.tsv") -> Path:
    import csv

    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, list(rows[0]), delimiter="\t" if name.endswith(".tsv") else ",")
        table.writeheader()
        table.writerows(rows)
    return path


def test_options_in_columns_are_choices_and_letters_are_answers(tmp_path: Path) -> None:
    image = base64_of(tmp_path)
    rows = [
        {"index": "0", "image": image, "question": "What?", "A": "a cat", "B": "a dog", "C": "", "answer": "B"},
        {"index": "1", "image": image, "question": "How many?", "A": "1", "B": "2", "C": "3", "answer": "(c)"},
        {"index": "2", "image": image, "question": "Who?", "A": "he", "B": "she", "C": "", "answer": "she"},
    ]
    found = read_questions(write_table(tmp_path, rows))
    assert [(each.choices, each.answers) for each in found] == [
        (("a cat", "a dog"), ("a dog",)),
        (("1", "2", "3"), ("3",)),
        (("he", "she"), ("she",)),
    ]
    assert len({each.image.digest for each in found if each.image}) == 1


def test_an_answer_without_its_choice_is_named(tmp_path: Path) -> None:
    row = {"image": base64_of(tmp_path), "question": "What?", "A": "a cat", "B": "a dog", "answer": "D"}
    with pytest.raises(DataError, match="line 2"):
        read_questions(write_table(tmp_path, [row]))


@pytest.mark.parametrize("form", ["{}", "data:image/png;base64,{}", "data:;base64,{}"])
@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
def test_images_in_the_file_itself_are_read(tmp_path: Path, form: str, kind: str) -> None:
    import json

    text = form.format(base64_of(tmp_path, 7))
    row = {"image": text, "question": "What?", "answer": "x"}
    if kind == "jsonl":
        path = tmp_path / "table.jsonl"
        path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    else:
        path = write_table(tmp_path, [row], f"table.{kind}")
    (question,) = read_questions(path)
    assert question.image is not None
    assert question.image.mime == "image/png"
    assert question.image.read() == (tmp_path / "cell-7.png").read_bytes()


@pytest.mark.parametrize(
    "image", ["data:image/png,red", "data:image/png;base64,aGVsbG8=", "data:text/plain;base64,aGVsbG8="]
)
def test_a_data_url_of_something_else_is_refused_in_a_short_sentence(tmp_path: Path, image: str) -> None:
    with pytest.raises(DataError, match="line 2") as refused:
        read_questions(write_table(tmp_path, [{"image": image, "question": "What?", "answer": "x"}]))
    assert len(str(refused.value)) < 300


def test_a_long_name_that_is_no_image_is_shown_by_its_beginning(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_questions(write_table(tmp_path, [{"image": "A" * 200_000, "question": "What?", "answer": "x"}]))
    assert len(str(refused.value)) < 600


def test_a_cell_may_be_longer_than_the_limit_of_the_csv_module(tmp_path: Path) -> None:
    row = {"image": base64_of(tmp_path), "question": "word " * 50_000, "answer": "x"}
    (question,) = read_questions(write_table(tmp_path, [row], "table.csv"))
    assert len(question.question) >= 249_000
