"""Starting, asking and stopping the supervisor of one stack."""

import http.client
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from deploy.embedded import tether
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import CLONE, Home, make_private, write_private
from deploy.embedded.programs import Program
from deploy.embedded.supervisord import OWN_PID

_OWN_PID = f"%(ENV_{OWN_PID})s"
"""The supervisor fills in its own process id when it reads its settings."""
LOG_BYTES, LOG_COPIES = "10MB", 3
ANSWER_SECONDS = 20.0
RUNNING_STATES = frozenset({"STARTING", "RUNNING", "STOPPING"})
ALREADY_STARTED, NOT_RUNNING, NO_FILE = 60, 70, 20


@dataclass(frozen=True, slots=True)
class Seen:
    """One process as the supervisor sees it."""

    name: str
    state: str
    pid: int

    @property
    def runs(self) -> bool:
        """Whether there is a living process."""
        return self.pid > 0 and self.state in RUNNING_STATES


class Supervision:
    """The supervisor of one stack, running or not."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._socket = home.sockets / "supervisor.sock"
        self._config = home.run / "supervisor.conf"

    @property
    def log(self) -> Path:
        """The supervisor's own log: starts, ends and restarts."""
        return self._home.logs / "supervisor.log"

    def pid(self) -> int | None:
        """Give the supervisor's process id, or None when it does not run."""
        try:
            return int(self._ask().getPID())
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return None

    def look(self) -> dict[str, Seen]:
        """See every process by name; empty when the supervisor does not run."""
        try:
            processes: list[dict[str, Any]] = self._ask().getAllProcessInfo()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return {}
        return {
            one["name"]: Seen(name=one["name"], state=one["statename"], pid=one["pid"])
            for one in processes
        }

    def write(self, programs: Iterable[Program]) -> bool:
        """Write the supervisor's settings; True when they differ from those before."""
        text = self._settings(programs)
        if self._config.exists() and self._config.read_text() == text:
            return False
        write_private(self._config, text)
        return True

    def launch(self, *, tethered: bool) -> "subprocess.Popen[bytes]":
        """Start the supervisor, which starts nothing by itself; return when it answers.

        `tethered`: it stops everything and ends when the caller's process ends, however that ends.
        Raises StackProblem when it does not answer in time.
        """
        make_private(self._home.sockets)
        command = [sys.executable, "-m", "deploy.embedded.supervisord", "-c", str(self._config)]
        if tethered:
            command = [*tether.command(signal.SIGTERM), *command]
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=CLONE,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        until = time.monotonic() + ANSWER_SECONDS
        while self.pid() is None:
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                raise StackProblem(f"The supervisor did not start: see {self.log}.")
            time.sleep(0.05)
        return process

    def adopt(self, *, restart: Iterable[str] = ()) -> None:
        """Make a running supervisor follow the settings as they are written now."""
        ask = self._ask()
        added, changed, removed = ask.reloadConfig()[0]
        for name in {*removed, *changed}:
            self.stop([name])
            ask.removeProcessGroup(name)
        for name in {*added, *changed}:
            ask.addProcessGroup(name)
        for name in set(restart) - {*added, *changed}:
            self.stop([name])

    def start(self, names: Iterable[str]) -> None:
        """Start these processes where they do not run; does not wait for them."""
        ask = self._ask()
        for name in names:
            try:
                ask.startProcess(name, False)  # noqa: FBT003 (the remote call takes positions)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != ALREADY_STARTED:
                    raise StackProblem(
                        f"{name} could not be started: {fault.faultString}."
                    ) from None

    def stop(self, names: Iterable[str], seconds: float = 60.0) -> None:
        """Stop these processes side by side, and wait until they have ended."""
        ask = self._ask()
        waiting = set(names)
        for name in waiting:
            try:
                ask.stopProcess(name, False)  # noqa: FBT003 (the remote call takes positions)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != NOT_RUNNING:
                    raise StackProblem(
                        f"{name} could not be stopped: {fault.faultString}."
                    ) from None
        until = time.monotonic() + seconds
        while any(seen.pid for name, seen in self.look().items() if name in waiting):
            if time.monotonic() > until:
                raise StackProblem(f"Some processes do not end: see {self.log}.")
            time.sleep(0.05)

    def end(self) -> None:
        """Ask the supervisor to end, which stops what still runs."""
        try:
            self._ask().shutdown()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return

    def _ask(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def _settings(self, programs: Iterable[Program]) -> str:
        head = f"""[unix_http_server]
file = {_text(self._socket)}
chmod = 0700

[supervisord]
nodaemon = true
silent = true
logfile = {_text(self.log)}
logfile_maxbytes = {LOG_BYTES}
logfile_backups = {LOG_COPIES}
loglevel = info
pidfile = {_text(self._home.run / "supervisor.pid")}
childlogdir = {_text(self._home.logs)}
directory = {_text(CLONE)}
minfds = 1024
umask = 077

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
        return head + "".join(self._section(program) for program in programs)

    def _section(self, program: Program) -> str:
        tie = tether.command(signal.SIGKILL, _OWN_PID)
        words = [word if word == _OWN_PID else _word(word) for word in (*tie, *program.command)]
        environment = ",".join(
            f'{name}="{_text(value)}"' for name, value in sorted(program.environment.items())
        )
        return f"""
[program:{program.name}]
command = {" ".join(words)}
environment = {environment}
priority = {program.order}
autostart = false
autorestart = true
startsecs = 1
startretries = 1000000000
stopsignal = TERM
stopwaitsecs = {program.stop_seconds}
stopasgroup = false
killasgroup = true
redirect_stderr = true
stdout_logfile = {_text(self._home.logs / program.name)}.log
stdout_logfile_maxbytes = {LOG_BYTES}
stdout_logfile_backups = {LOG_COPIES}
"""


def _text(value: object) -> str:
    """Escape a value of the supervisor's settings.

    Raises StackProblem for what they cannot hold.
    """
    text = str(value)
    if any(sign in text for sign in '"\n'):
        raise StackProblem("The path of the stack must not hold a quotation mark or a line end.")
    return text.replace("%", "%%")


def _word(value: str) -> str:
    """Quote one word of a command."""
    return f'"{_text(value)}"'
