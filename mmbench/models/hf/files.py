"""Which files a checkpoint is made of, and a digest of them, before anything is loaded."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmbench.core.errors import CheckpointError, MissingExtraError, UsageError
from mmbench.models.hf.layouts import ADAPTER, NO_PROCESSOR, most_image_tokens, read_config, what_else
from mmbench.perf.requirements import check_not_too_old

_WHOLE = 64 * 2**20
"""Files up to this size are digested whole …"""
_END = 2**20
"""… of larger ones the first and the last mebibyte, and the size."""
_IGNORED = (".lock", ".md", ".gitattributes", ".png", ".jpg")


def require(feature: str, module: str = "transformers") -> None:
    """Check that the extra `models` is installed, in releases that are new enough.

    Raises:
        MissingExtraError: If it is not installed.
        UsageError: If a package is older than its declared bound.
    """
    from importlib.util import find_spec

    if find_spec(module) is None or find_spec("torch") is None:
        raise MissingExtraError(feature, "models")
    check_not_too_old(feature, ("torch", "transformers"))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a checkpoint is loaded from."""

    name: str
    """As given, for messages."""
    place: str
    """A folder, or a name on the hub."""
    revision: str | None
    """Branch, tag or commit on the hub; None: the default branch, or a folder."""
    adapter: str | None = None
    """What adapts it (LoRA and kin), a folder or a name on the hub; None: nothing."""


def locate(path: str, revision: str | None) -> Checkpoint:
    """Where to load from what `checkpoint_digest` has digested; raises as it does.

    A name is loaded by the revision that was given, not by its commit, so that the cache learns what the name stands for and
    has it offline. Where the hub does not answer, the copy in the cache is loaded as a folder: transformers would ask the
    hub for every file, and again.
    """
    if is_folder(path):
        return Checkpoint(path, path, None)
    _, copy = _commit(path, revision)
    return Checkpoint(path, copy, None) if copy else Checkpoint(path, path, revision)


def image_tokens(source: Checkpoint) -> int | None:
    """Tokens that every image is read as at most, as ``config.json`` of the checkpoint says; None where it does not say.

    Of a checkpoint on the hub, this file alone is fetched. Raises `CheckpointError`.
    """
    folder = Path(source.place)
    if not folder.is_dir():
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError

        try:
            folder = Path(hf_hub_download(source.place, "config.json", revision=source.revision)).parent
        except (HfHubHTTPError, OSError, _unreachable()):
            return None  # loading it will say more
    return most_image_tokens(read_config(folder))


def checkpoint_digest(path: str, revision: str | None) -> str:
    """Tell a checkpoint from any other.

    A folder is known by its files, a repository on the hub by its commit.

    Raises:
        CheckpointError: For a folder or repository that holds no checkpoint.
        UsageError: For a name that the hub does not know.
    """
    if not is_folder(path):
        return _commit(path, revision)[0]
    read_config(Path(path))
    return folder_digest(Path(path))


def is_folder(path: str) -> bool:
    """Whether a folder is meant and not a name on the hub. Raises `UsageError` for a folder that there is not."""
    if Path(path).is_dir():
        return True
    if path.startswith((".", "/", "~")) or path.count("/") > 1:
        raise UsageError(f"there is no folder {path!r}; a model on the hub is OWNER/NAME")
    return False


def folder_digest(folder: Path) -> str:
    """Digest of the names and contents of the files in a folder, pictures and texts about it left out."""
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


@cache
def _commit(name: str, revision: str | None) -> tuple[str, str | None]:
    """The commit that a name stands for, as the hub says; where it cannot be asked, as the cache says, and the copy there."""
    require(f"the model {name!r}", "huggingface_hub")
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    copy: Path | None = None
    try:
        kept = try_to_load_from_cache(name, "config.json", revision=revision)
        copy = Path(kept).parent if isinstance(kept, str) else None
        found = HfApi().model_info(name, revision=revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        files = {each.rfilename for each in found.siblings or ()}
        if files and "config.json" not in files and ADAPTER not in files:
            raise CheckpointError(f"{name} on the hub is no checkpoint: {what_else(files)}")
        return str(found.sha), None
    except HFValidationError as error:
        raise UsageError(f"{name!r} is no name of a model on the hub: {error}") from error
    except OfflineModeIsEnabled as error:
        if copy:
            return copy.name, str(copy)
        raise UsageError(offline(name, revision)) from error
    except HfHubHTTPError as error:
        raise UsageError(refused(name, error)) from error
    except (OSError, _unreachable()) as error:
        if copy:
            logging.getLogger(__name__).warning("the hub cannot be reached; %s is taken from the local cache", name)
            return copy.name, str(copy)
        raise UsageError(f"{offline(name, revision)} ({error})") from error


def _unreachable() -> type[Exception]:
    """What the hub's library raises without a network; it belongs to the HTTP library of the day."""
    from huggingface_hub import errors

    found: type[Exception] = getattr(errors, "HTTPError", OSError)
    return found


def offline(name: str, revision: str | None = None) -> str:
    """What to say of a model that is not on this machine when there is no network."""
    which, option = (f" in revision {revision!r}", f" --revision {revision}") if revision else ("", "")
    return (
        f"{name!r}{which} is not on this machine and the hub cannot be reached. Where there is a network: "
        f"hf download {name}{option}; or give a folder: hf/PATH"
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


def load_failed(source: Checkpoint, error: Exception) -> CheckpointError:
    """The error to raise when transformers cannot load a part of a checkpoint."""
    path = source.name
    for cause in (error, error.__cause__):
        if type(cause).__name__ in ("GatedRepoError", "RevisionNotFoundError", "RepositoryNotFoundError"):
            return CheckpointError(refused(path, cause or error))
        if type(cause).__name__ in ("OfflineModeIsEnabled", "LocalEntryNotFoundError"):
            return CheckpointError(offline(path))
    if torchvision_missing(error):
        return CheckpointError(f"the processor of {path} needs torchvision: pip install torchvision")
    text = " ".join(str(error).split())
    if source.place != path and "no file named" in text:
        return CheckpointError(f"{path} is on this machine in part. Where there is a network: hf download {path}")
    if re.match(r"Can't load (image processor|processor|feature extractor)", text):
        return CheckpointError(f"{path} {NO_PROCESSOR}")
    if "trust_remote_code" in text:
        text = (
            "it brings code of its own; if you trust that code, --model-args trust_remote_code=true; or write "
            f"vllm/{path}"
        )
    if "does not recognize this architecture" in text:
        text = (
            "its model type (config.json) is unknown to the installed transformers: pip install -U transformers, or write "
            f"vllm/{path}"
        )
    if type(error).__name__ == "SafetensorError":
        text = f"its weights are damaged or cut short ({text})"
    return CheckpointError(f"{path} cannot be loaded: {text[:300]}")


def torchvision_missing(error: Exception) -> bool:
    """Whether transformers says that a class cannot do without torchvision, which it says in several ways."""
    return re.search(r"(requires (the )?|dependencies: )`?torchvision", str(error), re.IGNORECASE) is not None
