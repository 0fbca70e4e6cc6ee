"""From what the user typed after ``--model`` to something that can be built, without building it."""

from __future__ import annotations

import importlib.util
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from mmbench import registry
from mmbench.core.errors import MmbenchError, PluginError, RunFailedError, UnknownNameError, UsageError
from mmbench.core.ids import nearest_names
from mmbench.core.model import KINDS, Capabilities, capabilities
from mmbench.models.caller import USER_ERRORS
from mmbench.models.hf.layouts import fitting_adapter
from mmbench.models.unknown_option import unknown_option_of
from mmbench.resolve.identity import Identity, digest_of_class, digest_of_module, of_registered, of_source


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that is known but not built: no weights are loaded."""

    name: str
    """As shown in tables and in the name of the run directory."""
    reference: str
    """What the name resolved to, for the log and for run.json."""
    target: Any
    """A class, or an instance."""
    identity: Identity
    """What tells it from other models, beside name and options."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the class."""

    @property
    def digest(self) -> str | None:
        """Digest of its version and weights, or of its source; None: it cannot be told, such a run is never resumed."""
        return self.identity.digest

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, read off its methods."""
        return capabilities(self.target)

    def image_tokens(self) -> int | None:
        """Tokens that it reads each image as at most, where its class has a class method of this name that tells.

        Raises `PluginError` when that fails.
        """
        tell = getattr(self.target, "image_tokens", None)
        if not isinstance(self.target, type) or not inspect.ismethod(tell):
            return None
        try:
            found = tell(**self.options)
            return None if found is None else int(float(found))
        except MmbenchError:
            raise
        except USER_ERRORS as error:
            problem = f"{type(error).__name__}: {error}"
            raise PluginError(f"model {self.name!r} failed in image_tokens(): {problem}") from error

    def build(self) -> Any:
        """A model ready to open; an instance is itself. Raises `RunFailedError` when its constructor fails."""
        if not isinstance(self.target, type):
            return self.target
        try:
            with registry.importable(*registry.folder_of(self.target)):
                return self.target(**self.options)
        except UsageError:
            raise
        except USER_ERRORS as error:
            raise RunFailedError(f"model {self.name!r} cannot be built: {type(error).__name__}: {error}") from error


def resolve_model(
    name: str, options: Mapping[str, Any] | None = None, aliases: Mapping[str, Mapping[str, Any]] | None = None
) -> ResolvedModel:
    """Find a model: an alias, a registered name, a file or module, or ``provider/name``, in this order.

    Raises `UnknownNameError` with the nearest names, `PluginError` when it cannot be imported, `UsageError` for an
    option that it does not take.
    """
    given = dict(options or {})
    if aliases and name in aliases:
        alias = aliases[name]
        resolved = resolve_model(str(alias["model"]), {**alias.get("args", {}), **given})
        return replace(resolved, name=name)
    registered = {plugin.name: plugin for plugin in registry.plugins("model")}
    if name in registered:
        return _registered(name, name, given)
    found = _from_python(name, given)
    if found is not None:
        return found
    provider, slash, rest = name.partition("/")
    if slash and rest and provider in registered:
        return _registered(provider, name, given, first=rest)
    raise _unknown(name, [*registered, *(aliases or {})])


def _unknown(name: str, known: list[str]) -> UnknownNameError:
    adapter = fitting_adapter(name)
    if adapter == "hf-encoder":
        hint = f"{name} holds one encoder; two that share a space are hf-encoder/IMAGE_PATH+TEXT_PATH."
        return UnknownNameError("model", name, (), hint=hint)
    if adapter is not None:
        return UnknownNameError("model", name, (), hint=f"{name} holds a checkpoint: write {adapter}/{name}")
    suites = (plugin.name for plugin in registry.plugins("suite"))
    known = [*known, *suites, *(path.stem for path in Path().glob("*.py"))]
    return UnknownNameError("model", name, known, hint="A model is a name (mmbench list models), or FILE.py[:Name].")


def resolve_instance(model: Any, options: Mapping[str, Any] | None = None) -> ResolvedModel:
    """A model object passed from Python, or its class with the arguments to build it.

    An object without `info.digest` gets a run directory of its own each time, and so does a class made inside a
    function, which may depend on more than its source. Raises as `resolve_model` does.
    """
    kind = model if isinstance(model, type) else type(model)
    reference = f"{'class' if kind is model else 'instance of'} {kind.__qualname__}"
    source = digest_of_class(model) if isinstance(model, type) else None
    return _resolved((kind.__name__, reference), model, dict(options or {}), partial(of_source, source))


def _registered(plugin_name: str, shown: str, options: dict[str, Any], first: str | None = None) -> ResolvedModel:
    plugin = registry.find("model", plugin_name)
    target = registry.load(plugin)
    if first is not None:
        parameters = list(inspect.signature(target).parameters)
        if not parameters:
            raise UsageError(f"model {plugin_name!r} takes nothing after a slash: {shown!r}")
        options = {parameters[0]: first, **options}
    reference = f"{plugin.target} ({plugin.distribution})"
    return _resolved((shown, reference), target, options, partial(of_registered, plugin))


def _from_python(name: str, options: dict[str, Any]) -> ResolvedModel | None:
    place, _, attribute = name.partition(":")
    path = Path(place if place.endswith(".py") else f"{place}.py")
    is_file = path.is_file() and (place.endswith(".py") or "/" not in place)
    if not is_file and place.endswith(".py"):
        raise UnknownNameError(
            "model file", place, (str(p) for p in Path().glob("*.py")), hint="There is no such file."
        )
    if not is_file and not _is_module(place, named=bool(attribute)):
        return None
    reference = f"{path}:{attribute}" if is_file else name
    what = f"model {name!r}"
    value, module = registry.load_reference(reference if attribute else reference.rstrip(":"), what)
    if isinstance(value, ModuleType):
        value, attribute = _only_model(value, what)
    shown = f"{path if is_file else place}:{attribute}"
    return _resolved((name, shown), value, options, partial(of_source, digest_of_module(module)))


def _is_module(name: str, *, named: bool) -> bool:
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    try:
        with registry.importable(Path.cwd()):
            spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    # A namespace package (any folder) is no model; a bare word is one only if it lies in the working directory.
    if spec is None or spec.origin is None:
        return False
    return named or "." in name or Path(spec.origin).is_relative_to(Path.cwd())


def _only_model(module: ModuleType, what: str) -> tuple[Any, str]:
    if hasattr(module, "model"):
        return module.model, "model"
    classes = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and capabilities(value).kinds
    }
    if len(classes) == 1:
        name, value = next(iter(classes.items()))
        return value, name
    if classes:
        raise UsageError(f"{what}: {module.__file__} has several models; name one, as in FILE.py:{min(classes)}")
    raise PluginError(
        f"{what}: {module.__file__} has neither an attribute 'model' nor a class with a method "
        f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
    )


def _resolved(
    shown: tuple[str, str],
    target: Any,
    options: dict[str, Any],
    identify: Callable[[Any, Mapping[str, Any]], Identity],
) -> ResolvedModel:
    """The model of this (name, reference), once it is one and takes the options. Raises `PluginError`, `UsageError`."""
    name, reference = shown
    if not capabilities(target).kinds:
        near = [f"{m} for {k}" for k in KINDS for m in nearest_names(k, dir(target), 1)]
        hint = f" Did you mean {near[0]}?" if near else ""
        raise PluginError(f"model {name!r} has none of the methods {', '.join(KINDS)}.{hint}")
    if isinstance(target, type):
        _check_options(name, target, options)
    elif options:
        raise UsageError(f"model {name!r} is already built ({reference}); it takes no options")
    return ResolvedModel(name, reference, target, identify(target, options), options)


def _check_options(name: str, target: type, options: dict[str, Any]) -> None:
    for option, value in options.items():
        try:
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"option {option!r} of model {name!r} cannot be written to run.json ({error}); "
                "use text, finite numbers, true, false, null, lists and mappings"
            ) from error
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for option in options:
        if option not in named and not takes_any:
            raise unknown_option_of(name, option, named)
    missing = [
        p.name for p in parameters.values() if p.name in named and p.default is p.empty and p.name not in options
    ]
    if missing:
        raise UsageError(f"model {name!r} needs --model-args {' '.join(f'{option}=…' for option in missing)}")
