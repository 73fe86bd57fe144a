"""Makes Kafka start in half the time: a class-data archive of the Java runtime, made once per clone.

A broker of its own runs for a moment in a place that is thrown away, tells which classes it loads,
and Java keeps them ready to map. Without the archive everything works too, only later.
"""

import signal
import subprocess
from pathlib import Path

from deploy.embedded import broker_rights, credentials, kafka, tether
from deploy.embedded.download import Meter, draft, only_one, silent
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home
from deploy.embedded.ports import draw

RECORD_SECONDS = 90
DUMP_SECONDS = 120


def make_archive(home: Home, meter: Meter = silent) -> None:
    """Make the archive where it is missing; a machine where that fails goes without."""
    target = kafka.archive(home)
    if target.exists():
        return
    with only_one(home.cache):
        if target.exists():
            return
        meter("quick start of Kafka", 0, 2)
        with draft(home.cache) as place:
            try:
                classes = _record(Home(root=place / "home", cache=home.cache))
                meter("quick start of Kafka", 1, 2)
                _dump(home, classes, place / target.name)
                (place / target.name).replace(target)
            except (OSError, StackProblem, subprocess.SubprocessError):
                return
        meter("quick start of Kafka", 2, 2)


def _record(home: Home) -> Path:
    """Run a broker until it answers; give the list of classes that it loaded."""
    home.make()
    port = draw(())
    ports = {"kafka": port, "controller": draw((port,))}
    kafka.prepare(home, ports)
    classes = home.root / "classes"
    command = kafka.server_command(home, f"-XX:DumpLoadedClassList={classes}")
    with (home.logs / "kafka.log").open("wb") as output:
        broker = subprocess.Popen(
            [*tether.command(signal.SIGKILL), *command], stdout=output, stderr=output
        )
    try:
        login = credentials.read_kafka_login(home, "admin")
        broker_rights.wait_until_answering(login, RECORD_SECONDS)
        broker.terminate()
        broker.wait(RECORD_SECONDS)
    finally:
        broker.kill()
        broker.wait()
    return classes


def _dump(home: Home, classes: Path, target: Path) -> None:
    options = ("-Xshare:dump", f"-XX:SharedClassListFile={classes}")
    subprocess.run(
        [*kafka.java(home, *options, f"-XX:SharedArchiveFile={target}"), "-version"],
        capture_output=True,
        check=True,
        timeout=DUMP_SECONDS,
    )
