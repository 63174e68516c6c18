"""The command line: parse, call one function, render, exit code. Commands are imported when they are used."""

from __future__ import annotations

import sys
from gettext import gettext
from typing import Any

import click

from vdesk.cli.options import GLOBAL_OPTIONS, LazyGroup, Settings
from vdesk.cli.spoken import VERSION, Unwritten, say, speak
from vdesk.model.errors import FAILED, INTERRUPTED, USAGE, Denied, NeedsRoot, Problem, VdeskError, problem
from vdesk.model.report import DONE, Report, from_error

NO_ROOT = (
    "no command on a captured machine needs root: run it as the user that the folder belongs to, or make a copy of the"
    " folder that is your own and work on that"
)
COMMANDS = {
    "setup": ("vdesk.cli.setup:setup", "the whole way, step by step, from a bare host to a virtual machine"),
    "install": ("vdesk.cli.install:install", "the packages that virtual machines need, and your groups"),
    "check": ("vdesk.cli.check:check", "is this machine ready for passthrough, and if not, what to do"),
    "groups": ("vdesk.cli.check:groups", "the IOMMU groups and what is in them"),
    "iommu": ("vdesk.cli.iommu:iommu", "turn the IOMMU on or off, and see what is in effect"),
    "bind": ("vdesk.cli.bind:bind", "give devices to vfio-pci"),
    "unbind": ("vdesk.cli.bind:unbind", "give devices back to their drivers"),
    "gpu": ("vdesk.cli.gpu:gpu", "the graphics cards, the mode of the next boot, a card's ROM"),
    "create": ("vdesk.cli.vm:create", "define a virtual machine with the card in it"),
    "answer-file": ("vdesk.cli.answer_file:answer_file", "write the answers for an unattended installation of Windows"),
    "list": ("vdesk.cli.vm:list_", "the virtual machines"),
    "show": ("vdesk.cli.vm:show", "one virtual machine, in words"),
    "start": ("vdesk.cli.vm:start", "start a virtual machine"),
    "stop": ("vdesk.cli.vm:stop", "shut a virtual machine down"),
    "attach": ("vdesk.cli.vm:attach", "give a device to a virtual machine"),
    "detach": ("vdesk.cli.vm:detach", "take a device from a virtual machine"),
    "delete": ("vdesk.cli.vm:delete", "delete a virtual machine that vdesk defined"),
    "doctor": ("vdesk.cli.doctor:doctor", "what went wrong with a virtual machine, and what helps"),
    "hook": ("vdesk.cli.hook:hook", "the libvirt hook that takes devices at a start, and gives them back"),
    "history": ("vdesk.cli.history:history", "every change that vdesk made"),
    "undo": ("vdesk.cli.history:undo", "take changes back"),
    "capture": ("vdesk.cli.capture:capture", "this machine's facts as a file, for a bug report and for --root"),
    "report": ("vdesk.cli.report:report", "one page that shows this machine to whoever helps"),
    "demo": ("vdesk.cli.demo:demo", "the same commands on a demo machine; alone: the whole tour"),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    params=[*GLOBAL_OPTIONS, VERSION],
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Step by step: vdesk setup. The road by hand: vdesk install, vdesk check, vdesk iommu enable, reboot, vdesk "
    "check, vdesk bind 01:00.0, vdesk create.",
)
def main() -> None:
    """Run Windows in a virtual machine with a real graphics card in it.

    Every step is shown before it is taken, and can be taken back with vdesk undo."""


def run(argv: list[str], settings: Settings | None = None) -> int:
    """Run one command line and return its exit code; every outcome goes through one Report and one renderer.

    `settings` are another's than this process's: the tests' own machine and terminal."""
    settings = settings or Settings(argv)
    if not (sys.stdin and sys.stdout and sys.stderr):
        from vdesk.host.elevate import have_streams

        have_streams()
    speak(settings.language)
    try:
        return _run(argv, settings)
    except BrokenPipeError:
        settings.output_is_gone()
        return INTERRUPTED
    except OSError as error:  # out there only the streams are written to
        return _unwritten(error, settings)


def _run(argv: list[str], settings: Settings) -> int:
    try:
        outcome: Any = main.main(args=list(argv), prog_name="vdesk", standalone_mode=False, obj=settings)
        return finish(outcome, settings)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.UsageError as error:
        if _wants_help(error, settings):
            return USAGE
        return _emit(_usage(error, settings), settings)
    except NeedsRoot as error:
        return _elevate(error, settings)
    except VdeskError as error:
        return _emit(from_error(settings.command, error), settings)
    except (KeyboardInterrupt, click.Abort) as ended:
        return _emit(_interrupted(settings, ended), settings)
    except BrokenPipeError:
        raise
    except Unwritten as error:
        return _unwritten(error, settings)
    except Exception as error:
        return _emit(_bug(error, settings), settings)


def finish(outcome: Any, settings: Settings) -> int:
    """The exit code of what a command returned: a Report to render, a number, or nothing."""
    if isinstance(outcome, Report):
        return _emit(outcome, settings)
    return outcome if isinstance(outcome, int) else 0


def _emit(report: Report, settings: Settings) -> int:
    from vdesk.render import emit

    if settings.shown_root:
        report.errors = [_of_a_folder(each) for each in report.errors]
    try:
        emit(report, settings.output())
    except BrokenPipeError:
        settings.output_is_gone()
    except OSError as error:
        return _unwritten(error, settings, report)
    return report.exit_code


def _of_a_folder(error: Problem) -> Problem:
    """What is said of a captured machine's files that this user may not use: sudo is not what helps there, and a line
    with it, typed without the folder that is never printed, would change this very machine."""
    return error._replace(remedy=NO_ROOT) if error.id == Denied.id and error.remedy == Denied.remedy else error


def _unwritten(error: Exception, settings: Settings, report: Report | None = None) -> int:
    """A stream takes nothing more (a full disk). What was changed stays, and the exit code with it; what was to be read
    and could not be written has failed."""
    settings.output_is_gone()
    changed = report is not None and any(change.state == DONE for change in report.changes)
    what = "what it changed is changed, see: vdesk history" if changed else "nothing was changed"
    try:
        say(settings.words(f"vdesk: the result could not be written ({error}); {what}"))
    except OSError:
        settings.errors_are_gone()
    return report.exit_code if report is not None and (changed or report.exit_code) else FAILED


def _wants_help(error: click.UsageError, settings: Settings) -> bool:
    """A group without a sub-command prints its help; as JSON it is an error like others."""
    if error.ctx is None or settings.json or not isinstance(error.ctx.command, click.Group):
        return False
    if error.message == gettext("Missing command."):
        click.echo(error.ctx.get_help())
        return True
    return False


def _usage(error: click.UsageError, settings: Settings) -> Report:
    where = error.ctx.command_path if error.ctx else "vdesk"
    message = error.format_message() or "wrong usage"
    found = problem("usage", message.rstrip("."), "the command line is not understood", f"see: {where} --help")
    return Report(settings.command, USAGE, errors=[found])


def _elevate(error: NeedsRoot, settings: Settings) -> int:
    """On a terminal: run again through sudo, and say so first. Without one: exit 4 with the exact command."""
    line = settings.sudo_line()
    if settings.terminal and not settings.elevated:
        say(settings.words(f"This needs root. Running: {line}"))
        settings.run_with_sudo()
    first = error.problems[0]
    shown = Problem(first.id, first.what, first.cause, f"run: {line}")
    return _emit(Report(settings.command, error.exit_code, errors=[shown]), settings)


def _interrupted(settings: Settings, ended: BaseException) -> Report:
    if isinstance(ended, click.Abort):  # at a question: off its line
        say("")
    found = problem("interrupted", "interrupted", "Ctrl-C, or the end of the terminal", "nothing was left half-done")
    return Report(settings.command, INTERRUPTED, errors=[found])


def _bug(error: Exception, settings: Settings) -> Report:
    if settings.verbose:
        import traceback

        say(traceback.format_exc())
    found = problem(
        "internal",
        f"vdesk itself failed: {type(error).__name__}: {error}",
        "this is a mistake in vdesk, not yours",
        "run the same command with -v and send what it prints",
    )
    return Report(settings.command, 1, errors=[found])
