"""`vdesk answer-file`: write an autounattend.xml. The file is new and its owner's alone; it is in no journal and in no
preview, because it holds a password."""

from __future__ import annotations

from dataclasses import replace

from vdesk.changes.actions import Action, Actions
from vdesk.changes.change import Progress
from vdesk.host import Host, media
from vdesk.host.handing import save
from vdesk.model.errors import HostError, VdeskError, WrongUsage, problem
from vdesk.vm import answer_words as words
from vdesk.vm.answer_file import EDITIONS, Wanted, answer_file

MODE = 0o600
PASSWORD_LIMIT = 4096


class Request:
    """The options as they were given; None where one was not."""

    def __init__(
        self,
        path: str,
        *,
        os: str,
        user: str,
        edition: str | None = None,
        language: str = "en-US",
        keyboard: str | None = None,
        computer: str = "*",
        time_zone: str | None = None,
        no_tpm: bool = False,
        no_secure_boot: bool = False,
    ) -> None:
        self.path, self.os, self.user, self.edition = path, os, user, edition
        self.language, self.keyboard, self.computer, self.time_zone = language, keyboard, computer, time_zone
        self.tpm, self.secure_boot = not no_tpm, not no_secure_boot


def check(host: Host, request: Request) -> tuple[str, Wanted]:
    """(path, what is answered, without the password); WrongUsage for what Windows would not take, or a file that is
    there."""
    wanted = Wanted(
        os=request.os,
        user=words.check_user(request.user),
        edition=words.check_text(request.edition or EDITIONS[request.os], "--edition"),
        language=words.check_language(request.language, "--language"),
        keyboard=words.check_language(request.keyboard or request.language, "--keyboard", words.KEYBOARD),
        computer=words.check_computer(request.computer, request.user),
        time_zone=words.check_text(request.time_zone, "--time-zone") if request.time_zone is not None else None,
        tpm=request.tpm,
        secure_boot=request.secure_boot,
    )
    path = media.absolute(host, request.path, "FILE")
    if host.link(path[1:]) is not None or host.exists(path[1:]):
        raise _exists(path)
    folder = path.rpartition("/")[0]
    try:
        kind = host.stat(folder[1:]).kind
    except HostError as error:
        kind = error.cause
    if kind != "folder":
        raise WrongUsage(
            problem("usage.no-file", f"FILE: there is no folder {folder or '/'}", kind, f"make it with: mkdir {folder}")
        )
    return path, wanted


def write(host: Host, path: str, wanted: Wanted, password: str | None) -> Actions:
    """The one step. Without a password (a dry run) it can be shown, not taken."""
    ready = replace(wanted, password=words.check_password(password)) if password is not None else wanted

    def do(progress: Progress) -> None:
        if not ready.password:
            raise VdeskError(problem("usage.password", "there is no password", "none was given", "give one"))
        text = answer_file(ready)
        if not (save(path, text, MODE) if host.tree.own else host.create(path[1:], text, MODE)):
            raise _exists(path)

    summary = f"write the answers for Windows Setup to {path}, readable by its owner alone"
    data = {"path": path, "os": wanted.os, "user": wanted.user, "edition": wanted.edition, "language": wanted.language}
    notes = [
        f"Use it with: vdesk create NAME --iso FILE --unattended {path}",
        "It wipes the machine's disk without asking, and holds the password: remove it when Windows is installed.",
    ]
    return Actions("answer-file", [Action("file", path, summary, do)], data, notes=notes)


def password_in(host: Host, given: str) -> str:
    """The first line of a file that nobody else can read."""
    path = media.absolute(host, given, "--password-file")
    try:
        found = host.stat(path[1:])
        text = host.read(path[1:], PASSWORD_LIMIT)
    except HostError as error:
        raise WrongUsage(
            problem(
                "usage.no-file",
                f"--password-file: {path} cannot be read",
                error.cause,
                "give the path of a readable file",
            )
        ) from error
    if found.mode & 0o077:
        raise WrongUsage(
            problem(
                "usage.password-file",
                f"--password-file: others may read {path}",
                f"its mode is {found.mode & 0o7777:04o}",
                f"keep it to yourself with: chmod 600 {path}",
            )
        )
    return text.split("\n", 1)[0].removesuffix("\r")


def _exists(path: str) -> WrongUsage:
    return WrongUsage(
        problem(
            "usage.file-exists",
            f"{path} is there already",
            "vdesk writes over no file that it did not make",
            "give another name, or remove that file first",
        )
    )
