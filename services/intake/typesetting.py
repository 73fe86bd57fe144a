"""Sets one letter as PDF, in a process of its own: `python -m services.intake.typesetting`.

It reads the letter as JSON from its input, writes the PDF to its output, and ends. Time and memory are
bounded, and it has no network and no files but the template: what a person is called cannot reach
further than the page that it stands on.
"""

import resource
import sys
from pathlib import Path
from typing import Final

import typst

TEMPLATE: Final = Path(__file__).parent / "templates" / "letter.typ"
_CPU_S: Final = 10
_MEMORY: Final = 1024 * 1024 * 1024
_MOST_BYTES: Final = 65_536


def main() -> int:
    """Set the letter."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    letter = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(letter) > _MOST_BYTES:
        return 1
    pdf = typst.compile(
        TEMPLATE.read_bytes(), ignore_system_fonts=True, sys_inputs={"letter": letter.decode()}
    )
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
