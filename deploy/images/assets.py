"""Fetches the files of the pages while an image is made: `python -m deploy.images.assets`."""

import sys

from deploy.embedded import npm
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home

__all__ = ["main"]


def main() -> int:
    """Bring design system and page script into `$SAMRAAD_CACHE`; 1 with one sentence otherwise."""
    home = Home.from_environment()
    try:
        npm.fetch_dkfds(home)
        npm.fetch_htmx(home)
    except StackProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
