"""``mmbench show TASK --sample ID --model M``: the exact text that a model is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmbench.core.errors import UsageError
from mmbench.core.media import Media
from mmbench.core.requests import Request, conversation
from mmbench.resolve.options import read_by
from mmbench.resolve.task_names import ResolvedTask


def asked_task(name: str, values: Mapping[str, Any]) -> ResolvedTask:
    """The task as it would be asked: with the user's data, options, prompt and generation parameters.

    Raises:
        UsageError: For names and options that do not fit, and for several prompts.
    """
    from mmbench.resolve.task_names import asking_of, resolve_tasks

    found = resolve_tasks([name], read_by(values["data"], values), values["task_args"], asking_of(values))
    if len(found) > 1:
        raise UsageError("--prompt: name one prompt to look at")
    return found[0]


def prompts_shown(task: ResolvedTask, sample: Any, values: Mapping[str, Any]) -> list[str]:
    """What the model of the option ``--model`` is given for each request of a sample; no weights are loaded.

    Raises:
        UsageError: For another number of models than one, or a model that cannot answer the task.
    """
    from mmbench.core.requests import identify
    from mmbench.models.caller import as_served, served_kinds
    from mmbench.resolve.arguments import models_of
    from mmbench.runner.plan.task_plan import set_generation

    models = models_of(list(values["model"]), values["model_args"])
    if len(models) != 1:
        raise UsageError(f"--model: name one model to look at, not {len(models)}")
    resolved = models[0][0]
    served, problems = served_kinds(task.task.info, resolved.capabilities)
    if problems:
        raise UsageError(f"{resolved.name}: {'; '.join(problems)}")
    made = list(task.task.requests(sample))
    set_generation(made, task.source.generation)
    identify(made, task.task.info.name, sample.id, 0)
    model = resolved.build()
    rendered = getattr(model, "rendered", plain_text)
    return [str(rendered(as_served(request, served))) for request in made]


def plain_text(request: Request) -> str:
    """A conversation as text, for a model that does not say what it makes of one."""
    lines: list[str] = []
    for message in conversation(request):
        lines.append(f"[{message.role}]")
        lines += [f"<{part.kind}>" if isinstance(part, Media) else part for part in message.parts]
    return "\n".join(lines)
