"""`python -m tests.faults.checker LEDGER`: judge the running stack against a ledger."""

import shutil
import sys
from pathlib import Path

from tests.faults.checker.folding import fold
from tests.faults.checker.ledger import read_ledger
from tests.faults.checker.observed import inspect, read_status


def main(arguments: list[str]) -> int:
    """Print every finding; 1 when there is one."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.faults.checker LEDGER\n")
        return 2
    beside = Path(sys.executable).with_name("samraad")
    command = str(beside) if beside.exists() else shutil.which("samraad") or "samraad"
    status = read_status([command])
    findings = fold(read_ledger(Path(arguments[0])), inspect(status, services=status["services"]))
    for finding in findings:
        sys.stdout.write(f"{finding.kind}: {finding.what}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
