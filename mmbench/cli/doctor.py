"""``mmbench doctor``."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import click

from mmbench import registry
from mmbench.cli.options import Command, options
from mmbench.cli.values import say
from mmbench.core.visible import visible

EXTRAS = {
    "baselines": ("torch", "safetensors"),
    "data": ("datasets",),
    "models": ("torch", "transformers", "datasets", "safetensors"),
    "easy-vqa": ("easy_vqa",),
    "coco": ("pycocoevalcap",),
    "pandas": ("pandas",),
    "peft": ("peft",),
    "quantisation": ("bitsandbytes", "torchao"),
    "plots": ("matplotlib",),
    "xlsx": ("openpyxl",),
    "gpu": ("pynvml",),
    "vllm": ("vllm",),
    "wandb": ("wandb",),
    "tensorboard": ("tensorboard",),
    "mlflow": ("mlflow", "pandas"),
    "ray": ("ray",),
}
"""Extra to the modules that it brings."""


_EPILOG = """\b
Examples:
  mmbench doctor --out results/runs
  mmbench doctor --overhead        # what does mmbench itself cost on this machine?
"""


@click.command(cls=Command, epilog=_EPILOG)
@options("out")
@click.option("--overhead", is_flag=True, help="Also measure what mmbench itself costs a sample (some seconds).")
def command(out: str, overhead: bool) -> int:
    """Say what is installed, what is broken, and what to do about it. Exit code 2 when something is broken."""
    from mmbench.perf.machine import machine, packages
    from mmbench.perf.requirements import too_old

    here = machine()
    memory = f"{here.memory_bytes / 2**30:.0f} GiB" if here.memory_bytes else "unknown memory"
    say(f"machine   {here.cpu} × {here.cpus}, {memory}, {here.platform}, Python {here.python}")
    say("packages  " + ", ".join(f"{name} {version}" for name, version in packages().items()))
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        state = "installed" if not missing else f'missing {", ".join(missing)}: pip install "mmbench[{extra}]"'
        say(f"extra     {extra}: {state}")
    if overhead:
        _say_overhead()
    broken = [*map(str, too_old()), *_broken_plugins(), *_unwritable(Path(out))]
    for line in broken:
        click.secho(visible(f"broken    {line}"), fg="red")
    if not broken:
        say("nothing is broken")
    return 2 if broken else 0


def _say_overhead() -> None:
    from mmbench.testing.overhead import measure_overhead

    for each in measure_overhead():
        say(
            f"overhead  {each.kind}: {each.us_per_sample:.0f} µs of CPU a sample, {each.us_measuring:+.1f} of them for measuring"
        )
        say(
            "          main loop, by the clock: "
            + ", ".join(f"{name} {us:.1f} µs" for name, us in each.where_us.items())
        )


def _broken_plugins() -> list[str]:
    plugins = [plugin for kind in registry.GROUPS for plugin in registry.plugins(kind)]
    checked = zip(plugins, registry.check(plugins), strict=True)
    found = [f"{each.kind} {each.name} ({each.distribution}): {problem}" for each, problem in checked if problem]
    return [*registry.broken_metadata(), *found]


def _unwritable(out: Path) -> list[str]:
    place = out.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        return [f"{out}: {place} cannot be written to; choose another --out"]
    free = shutil.disk_usage(place).free
    return [f"{out}: only {free / 1e6:.0f} MB free"] if free < 100e6 else []
