"""Running commands: a list, no shell, no input, a C locale, a time limit, the output kept for the error message."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from vdesk.model.errors import Absent, HostError, TimedOut
from vdesk.model.record import Record

SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
KEPT = ("HOME", "TERM", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
Line = Callable[[str], None]


class Completed(Record):
    """How a command ended; `skipped` is true where it was not run because the machine is a captured one."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    skipped: bool = False


class Runner(Protocol):
    """Answers commands: by running them here, or from what was recorded."""

    live: bool

    def which(self, program: str) -> str | None:
        """The absolute path of a program, or None."""
        ...

    def run(self, argv: Sequence[str], *, timeout: float, changes: bool, on_line: Line | None) -> Completed:
        """Run it; `changes` marks a command that changes the machine."""
        ...


class LocalRunner:
    """Runs commands on this machine. As root, programs that another user could have put there are not found."""

    live = True
    lock: tuple[int, ...] = ()
    """The open file of the lock that this vdesk holds."""
    passed: tuple[int, ...] = ()
    """Open files that programs inherit."""

    def __init__(self, path: Sequence[str] | None = None) -> None:
        given = tuple(each for each in os.environ.get("PATH", "").split(":") if each.startswith("/"))
        self.path = tuple(path) if path is not None else (*given, *(each for each in SYSTEM_PATH if each not in given))

    def which(self, program: str) -> str | None:
        """The absolute path of the program as PATH and the system's folders have it, or None."""
        folders = ("",) if program.startswith("/") else self.path
        for folder in folders:
            candidate = f"{folder}/{program}" if folder else program
            if os.access(candidate, os.X_OK) and os.path.isfile(candidate) and _trusted(candidate):
                return candidate
        return None

    def _passed(self) -> tuple[str, ...]:
        """The PATH for programs: as root without folders that another user can write, for what they run in turn."""
        if os.geteuid() != 0:
            return self.path
        from vdesk.host.trust import foreign

        return tuple(each for each in self.path if not any(foreign([each])))

    def run(self, argv: Sequence[str], *, timeout: float, changes: bool, on_line: Line | None) -> Completed:
        """Run the program; Absent when there is none, TimedOut when it did not end within `timeout` seconds."""
        import subprocess

        program = self.which(argv[0])
        if program is None:
            raise Absent(argv[0], "no such program", f"the program {argv[0]} is not installed")
        environment = {"LC_ALL": "C.UTF-8", "PATH": ":".join(self._passed())}
        environment |= _kept()
        if self.passed:  # lvm(8) warns of every file that it did not open itself
            environment["LVM_SUPPRESS_FD_WARNINGS"] = "1"
        from vdesk.host.collect import collect, end
        from vdesk.host.signals import whole

        child = None
        try:
            with whole():  # a program that nobody knows of would go on while everything is put back
                child = subprocess.Popen(
                    [program, *argv[1:]],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=environment,
                    cwd="/",
                    start_new_session=True,
                    pass_fds=self.passed,
                )
            stdout, stderr = collect(child, tuple(argv), timeout, on_line)
        except OSError as error:
            raise HostError(program, error.strerror or str(error), f"{program} could not be started") from error
        except BaseException:
            if child is not None and child.poll() is None:
                end(child)
            raise
        return Completed(tuple(argv), child.returncode, stdout, stderr)


def _kept() -> dict[str, str]:
    """Of this environment what programs need; of root's nothing that a user's session has named: folders and a bus
    that are the user's."""
    if os.geteuid() != 0:
        return {name: os.environ[name] for name in KEPT if name in os.environ}
    import pwd

    try:
        home = pwd.getpwuid(0).pw_dir
    except KeyError:
        home = "/"
    return {"HOME": home, **({"TERM": os.environ["TERM"]} if "TERM" in os.environ else {})}


def _trusted(candidate: str) -> bool:
    """As root: nobody else can write the file, the folder it was found in, or what is above them."""
    if os.geteuid() != 0:
        return True
    from vdesk.host.trust import foreign

    return not any(foreign([candidate, os.path.dirname(candidate)]))


class RecordedRunner:
    """Answers from `run/vdesk/commands.json` of a captured machine, by exact argv, and refuses everything else."""

    live = False

    def __init__(self, recorded: Callable[[], dict[tuple[str, ...], Completed]], exists: Callable[[str], bool]) -> None:
        self._recorded, self._exists = recorded, exists

    def which(self, program: str) -> str | None:
        """Where the captured machine has the program, or None."""
        if program.startswith("/"):
            return program if self._exists(program[1:]) else None
        for folder in SYSTEM_PATH:
            if self._exists(f"{folder[1:]}/{program}"):
                return f"{folder}/{program}"
        return None

    def run(self, argv: Sequence[str], *, timeout: float, changes: bool, on_line: Line | None) -> Completed:
        """The recorded answer; a command that changes something is skipped; TimedOut stands for "not recorded"."""
        if changes:
            return Completed(tuple(argv), 0, "", "", skipped=True)
        answer = self._recorded().get(tuple(argv))
        if answer is None:
            raise NotRecorded(argv[0], "its output was not captured", f"{' '.join(argv)}: not recorded")
        return answer


class NotRecorded(HostError):
    """The captured machine has no recorded output of this command."""

    id = "host.not-recorded"
    remedy = "run vdesk on the machine itself"


__all__ = ["SYSTEM_PATH", "Completed", "LocalRunner", "NotRecorded", "RecordedRunner", "Runner", "TimedOut"]
