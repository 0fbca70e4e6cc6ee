"""Plug-ins are described from their source; neither they nor the packages that they lie in are imported."""

import sys
from collections.abc import Callable

import pytest

from mmbench import registry
from mmbench.registry import Plugin

Install = Callable[..., None]
MODULE = '"""The module.\n\nMore."""\n'


def described(
    install: Install, source: str, target: str = "described_module:it", **modules: str
) -> tuple[str, str | None]:
    """The description of an attribute of a module with this source."""
    install("stranger", f"[mmbench.models]\nstrange = {target}\n", described_module=source, **modules)
    found = registry.describe(registry.find("model", "strange"))
    assert not {name for name in sys.modules if name.startswith("described")}
    return found


@pytest.mark.parametrize(
    ("source", "description"),
    [
        ('class it:\n    """The class.\n\n    More."""', "The class."),
        ('def it():\n    """The function."""', "The function."),
        ('async def it():\n    """The coroutine."""', "The coroutine."),
        ("class it: ...", "The module."),
        ('it = make()\n"""The value."""', "The value."),
        ('it: object = make()\n"""The value."""', "The value."),
        ('it = Card(name="it", description="The card.")', "The card."),
        ("it = Card(description=TEXT)", "The module."),
        ("it = 3", "The module."),
        ("other = it = 3", "The module."),
        ("from nowhere_else import *", "The module."),
        ("def __getattr__(name): ...", "The module."),
        ("globals()['it'] = 3", "The module."),
        ("try:\n    import it\nexcept ImportError:\n    it = None", "The module."),
    ],
)
def test_the_nearest_docstring_describes_a_plugin(install: Install, source: str, description: str) -> None:
    assert described(install, MODULE + source) == (description, None)


def test_what_a_package_only_passes_on_is_described_where_it_is_defined(install: Install) -> None:
    modules = {
        "described_package.__init__": "from described_package.inner import One as it\nraise SystemExit",
        "described_package.inner": "from .deeper import Two as One",
        "described_package.deeper": 'class Two:\n    """Deep inside."""',
    }
    assert described(install, "", "described_package:it", **modules) == ("Deep inside.", None)


def test_the_parents_of_a_module_are_not_imported(install: Install) -> None:
    modules = {"described_parent.__init__": "1 / 0", "described_parent.child": '"""The child."""\nit = 1'}
    assert described(install, "", "described_parent.child:it", **modules) == ("The child.", None)


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("x = 1", "described_module:it", "has no attribute 'it'"),
        ("def broken(:", "described_module:it", "SyntaxError"),
        ("", "gone_module:it", "there is no module gone_module"),
        ("", "gone_package.inner:it", "there is no module gone_package.inner"),
        ("", "described_module.inner:it", "there is no module described_module.inner"),
        ("from gone_module import it", "described_module:it", "there is no module gone_module"),
        ("", "mmbench.tasks:it", "mmbench_tasks"),
    ],
)
def test_what_is_broken_is_described_as_broken(install: Install, source: str, target: str, words: str) -> None:
    description, broken = described(install, source, target)
    assert description == ""
    assert words in (broken or "")


def test_a_name_that_two_distributions_claim_is_broken() -> None:
    plugin = Plugin("model", "twice", "mmbench.models.controls:Random", "one==1", duplicate_of="two==2")
    assert "two==2" in (registry.describe(plugin)[1] or "")
    assert registry.check([plugin]) == [registry.describe(plugin)[1]]


def test_a_compiled_module_has_no_description() -> None:
    assert registry.describe(Plugin("model", "compiled", "numpy._core._multiarray_umath:dot", "numpy==2")) == ("", None)
