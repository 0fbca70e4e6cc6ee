"""What may stand after ``--model``: an alias, a registered name, a file or module, ``provider/name``, in this order."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from helpers import write_model

from mmbench.core import PluginError, RunFailedError, UnknownNameError, UsageError
from mmbench.core.model import capabilities
from mmbench.models.controls import Constant, Random
from mmbench.resolve.model_names import resolve_instance, resolve_model

ONE = "class One:\n    def generate(self, requests):\n        return ['1' for _ in requests]\n"
TWO = ONE + "class Two:\n    def __init__(self, depth, name='n'):\n        pass\n    def embed(self, requests): ...\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, importable as on the command line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


# --- the order ---


def test_a_registered_name_wins_over_a_file_of_that_name(here: Path) -> None:
    write_model(here, ONE, "random.py")
    assert resolve_model("random").target is Random
    assert resolve_model("random.py").target.__name__ == "One"


def test_an_alias_wins_over_a_registered_name(here: Path) -> None:
    found = resolve_model("random", aliases={"random": {"model": "constant", "args": {"text": "no"}}})
    assert found.target is Constant
    assert (found.name, found.options) == ("random", {"text": "no"})


def test_options_on_the_command_line_win_over_those_of_the_alias(here: Path) -> None:
    found = resolve_model("c", {"text": "b"}, {"c": {"model": "constant", "args": {"text": "a"}}})
    assert found.options == {"text": "b"}


def test_an_alias_may_have_the_name_of_what_it_stands_for(here: Path) -> None:
    assert resolve_model("constant", aliases={"constant": {"model": "constant"}}).target is Constant


def test_a_file_in_the_working_directory_is_found_by_its_stem(here: Path) -> None:
    write_model(here, ONE)
    for name in ("mymodel", "mymodel.py", "mymodel:One", "mymodel.py:One", str(here / "mymodel.py")):
        found = resolve_model(name)
        assert found.target.__name__ == "One"
        assert found.reference.endswith("mymodel.py:One")
        assert found.name == name


def test_an_attribute_called_model_wins_over_classes(here: Path) -> None:
    write_model(here, TWO + "model = One()")
    assert type(resolve_model("mymodel").target).__name__ == "One"


def test_imported_classes_are_not_mistaken_for_the_files_own(here: Path) -> None:
    write_model(here, "from mmbench.models.controls import Random, Constant\n" + ONE)
    assert resolve_model("mymodel").target.__name__ == "One"


def test_a_module_of_a_package_is_found_by_its_dotted_name(here: Path) -> None:
    write_model(here, "", "__init__.py")
    (here / "mypackage").mkdir()
    write_model(here / "mypackage", "", "__init__.py")
    write_model(here / "mypackage", TWO, "zoo.py")
    assert resolve_model("mypackage.zoo:One").target.__name__ == "One"


def test_a_provider_receives_what_follows_the_slash_as_its_first_option(here: Path) -> None:
    found = resolve_model("constant/no way")
    assert found.target is Constant
    assert (found.name, found.options) == ("constant/no way", {"text": "no way"})


def test_a_provider_that_takes_nothing_says_so(here: Path) -> None:
    with pytest.raises(UsageError, match="model 'oracle' takes nothing after a slash: 'oracle/large'"):
        resolve_model("oracle/large")


@pytest.mark.parametrize("stem", ["my-model", "my.model", "my model", "json", "models"])
def test_a_file_may_have_any_name(here: Path, stem: str) -> None:
    write_model(here, ONE, f"{stem}.py")
    assert resolve_model(f"{stem}.py").target.__name__ == "One"


def test_a_model_file_may_import_what_lies_beside_it(here: Path) -> None:
    (here / "sub").mkdir()
    write_model(here / "sub", "ANSWER = '1'", "helper_beside_model.py")
    write_model(here / "sub", "from helper_beside_model import ANSWER\n" + ONE, "with_helper.py")
    assert resolve_model("sub/with_helper.py").target.__name__ == "One"


# --- what is refused ---


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mymodle", "unknown model 'mymodle'. Did you mean 'mymodel'?"),
        ("randm", "unknown model 'randm'. Did you mean 'random'?"),
        ("mymodel.pyy", "unknown model 'mymodel.pyy'. Did you mean 'mymodel'?"),
        ("mymodle.py", "unknown model file 'mymodle.py'. Did you mean 'mymodel.py'? There is no such file."),
        ("huggingface/bert", "unknown model 'huggingface/bert'."),
        ("mymodel:Onee", "unknown attribute of mymodel.py 'Onee'. Did you mean 'One'?"),
        ("", "unknown model ''."),
        ("..", "unknown model '..'."),
        ("a..b", "unknown model 'a..b'."),
        ("json", "unknown model 'json'."),
    ],
)
def test_a_name_that_fits_none_gets_the_nearest(here: Path, name: str, said: str) -> None:
    write_model(here, ONE)
    with pytest.raises(UnknownNameError) as raised:
        resolve_model(name)
    assert str(raised.value).startswith(said)
    assert raised.value.exit_code == 2


def test_an_alias_is_among_the_nearest(here: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'my-big-model'"):
        resolve_model("my-bg-model", aliases={"my-big-model": {"model": "random"}})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"architectures": ["CLIPModel"], "model_type": "clip", "text_config": {}, "vision_config": {}},
            "hf-embed/./f",
        ),
        ({"architectures": ["SiglipModel"], "model_type": "siglip"}, "hf-embed/./f"),
        ({"model_type": "clip"}, "hf-embed/./f"),
        ({"architectures": ["VisionTextDualEncoderModel"], "model_type": "vision-text-dual-encoder"}, "hf-embed/./f"),
        ({"architectures": ["LlavaForConditionalGeneration"], "text_config": {}, "vision_config": {}}, "hf/./f"),
        ({"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl"}, "hf/./f"),
        ({"architectures": ["Idefics3ForVision2Seq"]}, "hf/./f"),
        ({"architectures": ["Phi3VForCausalLM"]}, "hf/./f"),
        ({"model_type": "something-new"}, "hf/./f"),
        ({"architectures": ["ViTModel"]}, "hf-encoder/IMAGE_PATH+TEXT_PATH"),
    ],
)
def test_a_folder_with_a_checkpoint_names_the_adapter_that_fits(here: Path, config: dict[str, Any], said: str) -> None:
    (here / "f").mkdir()
    (here / "f" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UnknownNameError) as raised:
        resolve_model("./f")
    assert said in str(raised.value)


@pytest.mark.parametrize("config", [None, "", "[1]", "{", "\xff"])
def test_a_folder_without_a_readable_config_is_a_name_like_any_other(here: Path, config: str | None) -> None:
    (here / "f").mkdir()
    if config is not None:
        (here / "f" / "config.json").write_text(config, encoding="latin-1")
    with pytest.raises(UnknownNameError) as raised:
        resolve_model("./f")
    assert "hf" not in str(raised.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def broken(:", "cannot be imported: SyntaxError"),
        ("import nothing_of_this_name", "cannot be imported: ModuleNotFoundError"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("import sys; sys.exit(0)", "cannot be imported: SystemExit: 0"),
        ("x = 1", "has neither an attribute 'model' nor a class with a method generate, choose or embed"),
        ("class M:\n    def generat(self, r): ...", "has neither"),
        ("model = 3", "has none of the methods generate, choose, embed."),
        ("class M:\n    def generates(self, r): ...\nmodel = M()", "Did you mean generates for generate?"),
    ],
)
def test_a_file_that_is_no_model_is_refused_with_the_reason(here: Path, source: str, said: str) -> None:
    write_model(here, source)
    with pytest.raises(PluginError) as raised:
        resolve_model("mymodel")
    assert said in str(raised.value)
    assert "mymodel" in str(raised.value)


def test_several_models_in_a_file_have_to_be_told_apart(here: Path) -> None:
    write_model(here, TWO)
    with pytest.raises(UsageError, match=r"has several models; name one, as in FILE\.py:One"):
        resolve_model("mymodel")


# --- options ---


def test_an_unknown_option_gets_the_nearest_and_the_list(here: Path) -> None:
    write_model(here, TWO)
    with pytest.raises(UnknownNameError) as raised:
        resolve_model("mymodel:Two", {"dpth": 3})
    assert str(raised.value) == (
        "unknown option of model 'mymodel:Two': 'dpth'. Did you mean 'depth'? It has: depth, name."
    )


def test_options_that_are_needed_are_named(here: Path) -> None:
    write_model(here, TWO)
    with pytest.raises(UsageError, match=r"model 'mymodel:Two' needs --model-args depth=…"):
        resolve_model("mymodel:Two")


def test_a_model_without_options_says_so(here: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown option of model 'oracle': 'size'\. It has none\."):
        resolve_model("oracle", {"size": 1})


def test_a_class_with_any_options_takes_any(here: Path) -> None:
    write_model(here, "class Any:\n    def __init__(self, **kw): ...\n    def embed(self, r): ...")
    assert resolve_model("mymodel", {"what": "ever"}).options == {"what": "ever"}


def test_an_object_that_is_already_built_takes_no_options(here: Path) -> None:
    write_model(here, ONE + "model = One()")
    with pytest.raises(UsageError, match="is already built"):
        resolve_model("mymodel", {"depth": 3})
    with pytest.raises(UsageError, match="is already built"):
        resolve_instance(Constant("a"), {"text": "b"})


@pytest.mark.parametrize("value", [object(), float("nan"), Path("a"), {"inner": float("inf")}, "\ud800"])
def test_an_option_that_cannot_be_recorded_is_refused(value: Any) -> None:
    class AnyOptions:
        def __init__(self, value: Any) -> None:
            self.value = value

        def generate(self, requests: Any) -> Any:
            return []

    with pytest.raises(UsageError, match=r"option 'value' of model 'AnyOptions' cannot be written to run\.json"):
        resolve_instance(AnyOptions, {"value": value})


# --- identity ---


def test_the_digest_of_a_file_is_that_of_its_bytes(here: Path) -> None:
    path = write_model(here, ONE)
    before = resolve_model("mymodel").digest
    assert before == hashlib.sha256(path.read_bytes()).hexdigest()
    write_model(here, ONE + "\n# edited\n")
    assert resolve_model("mymodel").digest != before


def test_an_edited_file_is_imported_anew(here: Path) -> None:
    write_model(here, ONE)
    resolve_model("mymodel")
    write_model(here, ONE.replace("'1'", "'two'"))
    assert resolve_model("mymodel").build().generate([0]) == ["two"]


def test_weights_add_to_the_digest(here: Path) -> None:
    weights = here / "weights.bin"
    write_model(
        here,
        ONE
        + "    @classmethod\n    def weights_digest(cls):\n        from pathlib import Path; return Path('weights.bin').read_text()\n",
    )
    weights.write_text("a", encoding="utf-8")
    first = resolve_model("mymodel").digest
    weights.write_text("b", encoding="utf-8")
    assert resolve_model("mymodel").digest != first


def test_an_object_may_give_its_own_digest(here: Path) -> None:
    write_model(here, ONE + "model = One()\nmodel.info = {'digest': 'mine', 'description': 'x', 'unknown': 1}")
    assert resolve_model("mymodel").digest == "mine"


def test_an_info_of_another_kind_is_refused() -> None:
    class Odd:
        info = "digest"

        def generate(self, requests: Any) -> Any:
            return []

    with pytest.raises(PluginError, match="the model's info is a str"):
        resolve_instance(Odd())


def test_resolving_builds_nothing(here: Path) -> None:
    write_model(here, "class Never:\n    def __init__(self): 1 / 0\n    def generate(self, requests): ...")
    found = resolve_model("mymodel")
    assert found.capabilities.kinds == {"generate"}
    with pytest.raises(RunFailedError, match="model 'mymodel' cannot be built: ZeroDivisionError: division by zero"):
        found.build()


def test_capabilities_are_read_off_the_methods() -> None:
    class Everything:
        async def generate(self, request: Any) -> Any: ...
        def choose(self, requests: Any) -> Any: ...
        def collate(self, requests: Any) -> Any: ...
        def fit(self, task: Any, train: Any, val: Any, context: Any) -> None: ...

        embed = None

    for subject in (Everything, Everything()):
        found = capabilities(subject)
        assert found.kinds == {"generate", "choose"}
        assert found.asynchronous == {"generate"}
        assert found.learns
        assert found.collates
