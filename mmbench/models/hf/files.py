"""Which files a checkpoint is made of, and a digest of them, before anything is loaded."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

from mmbench.core.errors import MissingExtraError, RunFailedError, UsageError

_WHOLE = 64 * 2**20
"""Files up to this size are digested whole …"""
_END = 2**20
"""… of larger ones the first and the last mebibyte, and the size."""
_IGNORED = (".lock", ".md", ".gitattributes", ".png", ".jpg")


def require(feature: str, module: str = "transformers") -> None:
    """Raise `MissingExtraError` where the extra `models` is not installed."""
    from importlib.util import find_spec

    if find_spec(module) is None or find_spec("torch") is None:
        raise MissingExtraError(feature, "models")


def checkpoint_digest(path: str, revision: str | None) -> str:
    """What tells a checkpoint from any other: of a folder its files, of a repository on the hub its commit.

    Raises `UsageError` for a folder that holds no checkpoint and a name that the hub does not know.
    """
    folder = Path(path)
    if folder.is_dir():
        return _folder_digest(folder)
    if path.startswith((".", "/", "~")) or path.count("/") > 1:
        raise UsageError(f"there is no folder {path!r}; a model on the hub is OWNER/NAME")
    return _commit(path, revision)


def _folder_digest(folder: Path) -> str:
    if not (folder / "config.json").is_file():
        raise UsageError(f"{folder} is no checkpoint: it has no config.json (save one with model.save_pretrained)")
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if not file.is_file() or file.suffix in _IGNORED or any(part.startswith(".") for part in name.parts):
            continue
        whole.update(f"{name.as_posix()}\0{file.stat().st_size}\0".encode())
        whole.update(_file_digest(file))
    return whole.hexdigest()


def _file_digest(file: Path) -> bytes:
    found = hashlib.sha256()
    with file.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size <= _WHOLE:
            found.update(stream.read())
        else:
            found.update(stream.read(_END))
            stream.seek(-_END, os.SEEK_END)
            found.update(stream.read())
    return found.digest()


def _commit(name: str, revision: str | None) -> str:
    """The commit that a name stands for: as the hub says, or offline as the local cache says."""
    require(f"the model {name!r}", "huggingface_hub")
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    commit: str | None = None
    try:
        kept = try_to_load_from_cache(name, "config.json", revision=revision)
        commit = Path(kept).parent.name if isinstance(kept, str) else None
        return str(HfApi().model_info(name, revision=revision, timeout=10).sha)
    except HFValidationError as error:
        raise UsageError(f"{name!r} is no name of a model on the hub: {error}") from error
    except OfflineModeIsEnabled as error:
        if commit:
            return commit
        raise UsageError(offline(name)) from error
    except HfHubHTTPError as error:
        raise UsageError(refused(name, error)) from error
    except (OSError, _unreachable()) as error:
        if commit:
            logging.getLogger(__name__).warning("the hub cannot be reached; %s is taken from the local cache", name)
            return commit
        raise UsageError(f"{offline(name)} ({error})") from error


def _unreachable() -> type[Exception]:
    """What the hub's library raises without a network; it belongs to the HTTP library of the day."""
    from huggingface_hub import errors

    found: type[Exception] = getattr(errors, "HTTPError", OSError)
    return found


def offline(name: str) -> str:
    """What to say of a model that is not on this machine when there is no network."""
    return (
        f"{name!r} is not on this machine and the hub cannot be reached. Where there is a network: "
        f"hf download {name}; or give a folder: hf/PATH"
    )


def refused(name: str, error: BaseException) -> str:
    """What to say of a model that the hub does not give."""
    kind = type(error).__name__
    if kind == "GatedRepoError":
        return f"{name!r} is gated: ask for access at https://huggingface.co/{name}, then: hf auth login"
    if kind == "RevisionNotFoundError":
        return f"{name!r} has no such revision on the hub"
    if kind == "RepositoryNotFoundError":
        return (
            f"the hub has no model {name!r} (or it is private: hf auth login); a model is OWNER/NAME, a folder hf/PATH"
        )
    return f"the hub does not give {name!r}: {str(error).strip().partition(chr(10))[0]}"


def load_failed(path: str, error: Exception) -> RunFailedError:
    """The error to raise when transformers cannot load a part of a checkpoint."""
    for cause in (error, error.__cause__):
        if type(cause).__name__ in ("GatedRepoError", "RevisionNotFoundError", "RepositoryNotFoundError"):
            return RunFailedError(refused(path, cause or error))
        if type(cause).__name__ in ("OfflineModeIsEnabled", "LocalEntryNotFoundError"):
            return RunFailedError(offline(path))
    text = " ".join(str(error).split())
    if "trust_remote_code" in text:
        text = "it brings code of its own; to run that: --model-args trust_remote_code=true"
    if type(error).__name__ == "SafetensorError":
        text = f"its weights are damaged or cut short ({text})"
    return RunFailedError(f"{path} cannot be loaded: {text[:300]}")
