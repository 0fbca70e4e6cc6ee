"""``mmbench.toml`` in the working directory: defaults of options, and model aliases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.resolve.declared_option import Option
from mmbench.resolve.options import check_meaning

FILE = "mmbench.toml"
"""Name of the configuration file."""
_OTHERS = ("models", "prices")
"""Tables that are not the defaults of a command: aliases, and what endpoints charge (`mmbench.models.endpoint.prices`)."""
_RULE = "rule"
"""Key of ``[gate]`` that holds the rules: ``[[gate.rule]]``."""


Known = Mapping[str, "Option | Known"]
"""What may be configured, by the name that users type: options, and commands below a command with theirs."""


@dataclass(frozen=True)
class Config:
    """A configuration, read."""

    path: Path
    """Where it lies, or would lie."""
    tables: Mapping[str, Any] = field(default_factory=dict)
    """The document."""

    @property
    def aliases(self) -> dict[str, dict[str, Any]]:
        """``[models.NAME]``: ``model`` and, optionally, ``args``. Raises `UsageError` on anything else."""
        models = self.tables.get("models", {})
        if not isinstance(models, dict):
            raise UsageError(f"{self.path}: 'models' must be a table: [models.NAME]")
        for name, alias in models.items():
            if not isinstance(alias, dict) or not isinstance(alias.get("model"), str):
                raise UsageError(f'{self.path}: [models.{name}] needs model = "…"')
            if not isinstance(alias.get("args", {}), dict):
                raise UsageError(f"{self.path}: 'args' of [models.{name}] must be a table: args = {{ key = value }}")
            for key in alias:
                if key not in ("model", "args"):
                    known = ("model", "args")
                    hint = "It has: model, args (a table of options)."
                    raise UnknownNameError(f"key of [models.{name}] in {self.path}:", key, known, hint=hint)
        return models

    @property
    def gate_rules(self) -> Any:
        """``[[gate.rule]]`` as it stands there; empty where there is none."""
        table = self.tables.get("gate", {})
        return table.get(_RULE, []) if isinstance(table, dict) else []

    def command_defaults(self, commands: Mapping[str, Callable[[], Known]]) -> dict[str, dict[str, Any]]:
        """Read the defaults of commands.

        Args:
            commands: Name of a command to a function that gives its options by the name that users type.

        Returns:
            Command to parameter to value, as click wants them.

        Raises:
            UnknownNameError: For a table or a key that does not exist, with the nearest.
            RenamedOptionError: For a key that stood for another option before.
            OptionError: For a value of another type or out of range.
            UsageError: For anything else that is wrong.
        """
        defaults: dict[str, dict[str, Any]] = {}
        for name, table in self.tables.items():
            if name in _OTHERS:
                continue
            if name not in commands or not isinstance(table, dict):
                raise UnknownNameError(f"table of {self.path}:", name, [*commands, *_OTHERS])
            own = {key: value for key, value in table.items() if (name, key) != ("gate", _RULE)}
            defaults[name] = self._defaults(name, own, commands[name]())
        return defaults

    def _defaults(self, name: str, table: Mapping[str, Any], known: Known) -> dict[str, Any]:
        """Read the defaults of one command, and of those below it under their names."""
        defaults: dict[str, Any] = {}
        for key, value in table.items():
            option = known.get(key.replace("_", "-"))
            if option is None:
                raise UnknownNameError(f"key of [{name}] in {self.path}:", key, known)
            if isinstance(option, Option):
                check_meaning(
                    option.name, f"key of [{name}] in {self.path}:", [each.replace("_", "-") for each in table]
                )
                if (name, key) == ("gate", "rules") and not isinstance(value, str):
                    raise UsageError(f"{self.path}: rules are tables of their own: [[gate.{_RULE}]]")
                defaults[option.keyword] = option.configured(value, f"{self.path}: [{name}] {key}")
            elif isinstance(value, dict):
                defaults[key] = self._defaults(f"{name}.{key}", value, option)
            else:
                raise UsageError(f"{self.path}: {key} is a command of {name}: write a table, [{name}.{key}]")
        return defaults


def load_config(folder: Path | None = None, *, path: Path | None = None) -> Config:
    """Read ``mmbench.toml`` of a folder (the working directory), or the file at `path`. Raises `UsageError`.

    Empty where the folder has none; a `path` must be there.
    """
    given = path is not None
    path = (folder or Path()) / FILE if path is None else path
    if not given and not path.is_file():
        return Config(path)
    import tomllib

    try:
        return Config(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:  # what TOML and UTF-8 decoders raise is a ValueError
        raise UsageError(f"{path} cannot be read: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{path} cannot be read: it is nested too deeply") from error
