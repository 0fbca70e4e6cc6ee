"""Entry point of the command ``mmbench`` and of ``python -m mmbench``."""

import os
import sys

if __name__ == "__main__" and sys.path[:1] in ([""], [os.getcwd()]) and not __file__.startswith(os.getcwd()):  # noqa: PTH109
    del sys.path[0]  # a file of the working directory must not stand in for a module of somebody else


def main() -> int:
    """Run the command line; a package that is missing even for that is named in one sentence."""
    try:
        from mmbench.cli.main import main as run
    except ImportError as error:
        from mmbench.core.errors import missing_package

        missing = missing_package(error)
        if missing is None:
            raise
        sys.stderr.write(f"error: {missing}\n")
        return missing.exit_code
    return run()


if __name__ == "__main__":
    raise SystemExit(main())
