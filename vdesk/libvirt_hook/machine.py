"""The machine as the hook sees it: files below a root, a log, and children for all that may block."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence

LOG = "var/log/vdesk/hook.log"
LOG_BYTES = 256 << 10
PROGRAMS = ("usr/sbin", "usr/bin", "sbin", "bin")  # what libvirtd's AppArmor profile lets a hook execute
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

PREPARE_SECONDS = 20.0
"""From the start of prepare to its last change; the rest of WHOLE_SECONDS is for putting back."""
WHOLE_SECONDS = 30.0
LOCK_SECONDS = 8.0
LOOK_SECONDS = 6.0
UNBIND_SECONDS = 10.0
END_SECONDS = 0.5
MOMENT_SECONDS = 1.0
"""What each thing gets that is done when the time is over: a busy machine needs that to begin a child at all."""


class Trouble(Exception):
    """What happened, why, and what helps: libvirt shows the text to the person who started the machine."""


class Stuck(Trouble):
    """A child did not return in time; it stays in the kernel. `child` is 0 when it was ended, and is gone."""

    def __init__(self, child: int, what: str) -> None:
        super().__init__(what)
        self.child = child


class Machine:
    """This machine, or one below `root`. Only `write` changes what the kernel holds. `script` is the installed file."""

    patience = UNBIND_SECONDS
    """Seconds that a driver gets to let go of a function."""
    page_patience = 45.0
    """Seconds that the kernel gets to make huge pages: drawing together gigabytes takes it long on a busy machine."""

    def __init__(self, root: str = "/", script: str = "") -> None:
        self.root, self.script = os.path.realpath(root).rstrip("/"), script
        self.guest = self.phase = "-"
        self.started = time.monotonic()

    def place(self, path: str) -> str:
        """The real path of `path`, which is relative to the root."""
        return f"{self.root}/{path}"

    def text(self, path: str) -> str:
        """The content of a small file without its newline, empty when it cannot be read."""
        try:
            with open(self.place(path), "rb") as file:
                return file.read(1 << 16).decode(errors="replace").strip()
        except OSError:
            return ""

    def link(self, path: str) -> str:
        """The last part of what a link says, empty without one."""
        try:
            return os.path.basename(os.readlink(self.place(path)))
        except OSError:
            return ""

    def owner(self, path: str) -> int:
        """The user whom a file belongs to, or what a link leads to; -1 when it cannot be told."""
        try:
            return os.stat(self.place(path)).st_uid
        except OSError:
            return -1

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none when it cannot be read."""
        try:
            return sorted(os.listdir(self.place(path)))
        except OSError:
            return []

    def exists(self, path: str) -> bool:
        """Whether something is there."""
        return os.path.exists(self.place(path))

    def write(self, path: str, text: str) -> None:
        """One write(2) to an attribute of sysfs; may block in the kernel. Raises OSError as the kernel answers."""
        handle = os.open(self.place(path), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(handle, text.encode())
        finally:
            os.close(handle)

    def disk_in_use(self, node: str) -> str:
        """Why a disk cannot be given away, empty when it can: the kernel has claimed it (file systems, swap, LVM, RAID
        and encryption open it exclusively), or it could not be looked at."""
        try:
            os.close(os.open(self.place(node), os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            if error.errno == errno.EBUSY:
                return "is in use by this machine"
            if error.errno not in (errno.ENOENT, errno.ENXIO, errno.ENOMEDIUM):
                return f"may be in use by this machine: it could not be looked at ({error.strerror})"
        return ""

    def left(self, until: float) -> float:
        """Seconds left until `until` seconds after the start, at least MOMENT_SECONDS."""
        return max(MOMENT_SECONDS, self.started + until - time.monotonic())

    @contextlib.contextmanager
    def more_time(self) -> Iterator[None]:
        """What is done inside takes no time from the rest; it has a limit of its own."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.started += time.monotonic() - begin

    @contextlib.contextmanager
    def own_time(self, seconds: float) -> Iterator[None]:
        """What is done inside has `seconds` together until WHOLE_SECONDS are over, however much of them was used up
        before; it takes none from the rest."""
        begin, kept = time.monotonic(), self.started
        self.started = begin + seconds - WHOLE_SECONDS
        try:
            yield
        finally:
            self.started = kept + time.monotonic() - begin

    def say(self, text: str) -> None:
        """One line to the log; a log that cannot be written keeps no machine from starting."""
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {self.guest} {self.phase}: {printable(text, 2000)}\n"
        try:
            folder = self.log_folder()
            try:
                handle = _open_log(folder)
            finally:
                os.close(folder)
            with open(handle, "ab", buffering=0) as file:
                file.write(line.encode())
        except (OSError, Trouble):
            return

    def log_folder(self) -> int:
        """The folder of the log, open, made where it is missing; Trouble when it is a link, or not root's alone: a
        group that may write /var/log (syslog's, on Ubuntu) can put another one in its place."""
        place = os.path.dirname(self.place(LOG))
        try:
            os.makedirs(place, 0o750, exist_ok=True)
            folder = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileExistsError, NotADirectoryError):
            raise Trouble(f"{place} is a link, or no folder; see who made it, and remove it") from None
        found = os.fstat(folder)
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            os.close(folder)
            raise Trouble(f"{place} can be written by others than root; see who made it, and remove it")
        return folder


def _open_log(folder: int) -> int:
    """The log in its folder, to add to; a long one is put aside before."""
    name = os.path.basename(LOG)
    with contextlib.suppress(FileNotFoundError):
        if os.stat(name, dir_fd=folder, follow_symlinks=False).st_size > LOG_BYTES:
            os.replace(name, f"{name}.1", src_dir_fd=folder, dst_dir_fd=folder)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o600, dir_fd=folder)


def printable(text: str, length: int) -> str:
    """The text on one line, without control characters, cut."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in " ".join(text[: length * 2].split()))
    return shown if len(shown) <= length else f"{shown[:length]}..."


def in_child(work: Callable[[], str], seconds: float, what: str, end: float = 0.0) -> str:
    """What `work` returns, done in a child. Trouble with its error text; Stuck when its time is over: the child stays,
    or is killed and gets `end` seconds to be gone."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        _child(work, into)
    os.close(into)
    handle = os.pidfd_open(child)
    try:
        said = _listen(out, handle, time.monotonic() + seconds)
        ended = said is None and _ended(child, handle, end)
    finally:
        os.close(out)
        os.close(handle)
    if said is None:
        raise Stuck(0 if ended else child, f"{what} did not return within {seconds:.0f} s (process {child})")
    text = said.decode(errors="replace").strip()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise Trouble(f"{what}: {printable(text, 400) or f'it ended with {code}'}")
    return text


def _ended(child: int, handle: int, seconds: float) -> bool:
    """Kill a child, where it gets seconds for that; whether it is gone. One that waits in the kernel does not hear."""
    if not seconds:
        return False
    os.kill(child, signal.SIGKILL)
    if not select.select([handle], [], [], seconds)[0]:
        return False
    os.waitpid(child, 0)
    return True


def named_process(pid: int) -> str:
    """A process for the state: its pid, and when it was begun, in ticks since the boot. A pid alone may be another
    process by now."""
    words = Machine().text(f"proc/{pid}/stat").rpartition(")")[2].split()
    return f"{pid} {words[19]}" if len(words) > 19 and words[0] not in "XZ" else f"{pid} "


def still_there(named: str) -> str:
    """The pid of a process named so, empty when it is gone."""
    pid, _, begun = named.partition(" ")
    return pid if begun and pid.isdecimal() and named_process(int(pid)) == named else ""


def _listen(out: int, handle: int, deadline: float) -> bytes | None:
    """What a child writes until it ends; None when that is after the deadline."""
    said, ends = b"", [out, handle]
    while ready := select.select(ends, [], [], max(0.0, deadline - time.monotonic()))[0]:
        if out in ready:
            part = os.read(out, 1 << 16)
            said = (said + part)[: 4 << 20]
            ends = ends if part else [handle]
        else:
            return said
    return None


def _child(work: Callable[[], str], into: int) -> None:
    """Work and exit with nothing of the parent's: not its lock, not the pipe that libvirt waits on."""
    code = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(into, 1)
        os.dup2(into, 2)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        data = work().encode()
        while data:
            data = data[os.write(1, data) :]
        code = 0
    except OSError as error:
        os.write(1, f"{error.strerror} ({errno.errorcode.get(error.errno or 0, '?')})".encode())
    except Exception as error:
        os.write(1, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(code)


def program(machine: Machine, name: str) -> str:
    """Where a program of the system is, relative to the root; Trouble when it is not installed."""
    for folder in PROGRAMS:
        if machine.exists(f"{folder}/{name}"):
            return f"{folder}/{name}"
    raise Trouble(f"the program {name} is not installed")


def run(machine: Machine, argv: Sequence[str], seconds: float) -> str:
    """The output of a program of the system; Trouble when it fails or takes too long."""
    place = machine.place(program(machine, argv[0]))
    return in_child(lambda: execute(place, argv), seconds, " ".join(argv), END_SECONDS)


def execute(place: str, argv: Sequence[str]) -> str:
    """Become another program, with nothing of libvirtd's environment; does not return."""
    os.execve(place, list(argv), ENVIRONMENT)
