"""The suites name every baseline, and the list of baselines is what the catalogue says."""

import inspect

from mmbench import registry
from mmbench_baselines import catalog, suites


def test_the_suites_name_every_baseline_that_answers_or_embeds_and_all_are_registered():
    assert sorted((*suites.MODELS, *suites.CAPTIONERS)) == sorted(catalog.BASELINES)
    assert suites.all_baselines.models == suites.tiny.models == suites.MODELS
    assert {*suites.MODELS, *suites.CAPTIONERS} <= {plugin.name for plugin in registry.plugins("model")}


def test_the_tasks_of_the_tiny_suite_are_registered_and_those_of_all_baselines_are_the_users():
    assert suites.tiny.tasks == ("vqa/scenes", "retrieval/scenes")
    assert set(suites.tiny.tasks) <= {plugin.name for plugin in registry.plugins("task")}
    assert suites.all_baselines.tasks == ()


def test_a_listed_baseline_says_what_its_card_says_at_the_default_sizes():
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(catalog.Baseline.parameters).parameters.items()
        if name != "self"
    }
    rows = suites.listed()
    assert [row.name for row in rows] == [*suites.MODELS, *suites.CAPTIONERS]
    for row in rows:
        baseline = catalog.baseline(row.name)
        assert row.sizes == defaults
        assert row.parameters == baseline.parameters()
        assert (row.additive, row.formula) == (baseline.additive, baseline.card.formula)


def test_the_entry_point_leads_to_the_list():
    (plugin,) = (plugin for plugin in registry.plugins("baseline") if plugin.distribution.startswith("mmbench=="))
    assert registry.load(plugin)() == suites.listed()
