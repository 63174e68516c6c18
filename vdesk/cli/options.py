"""What every command shares: the options before or after it, lazy sub-commands, and the settings they make."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from vdesk.cli.completing import files
from vdesk.cli.spoken import Helpful, confirmed, say

if TYPE_CHECKING:
    from vdesk.changes.executor import Mode
    from vdesk.host import Host
    from vdesk.model.report import Report
    from vdesk.render import Output


class Settings:
    """The options of contract section 1 as given on either side of the command, and what follows from them."""

    def __init__(self, argv: list[str]) -> None:
        self.argv = argv
        self.command: str | None = None
        self.given: dict[str, Any] = {}
        words = argv[: argv.index("--")] if "--" in argv else argv
        self._json_asked = "--json" in words
        self._host: Host | None = None

    @property
    def json(self) -> bool:
        """One JSON document on stdout; also where the command line was not understood."""
        return bool(self.given.get("json")) or self._json_asked

    @property
    def verbose(self) -> bool:
        """Every file read and command run, on stderr."""
        return bool(self.given.get("verbose"))

    @property
    def terminal(self) -> bool:
        """Whether there is somebody to ask."""
        return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())

    @property
    def elevated(self) -> bool:
        """Whether this process is root already."""
        from vdesk.host.elevate import is_root

        return is_root()

    @property
    def plain(self) -> bool:
        """No colour: asked for, or by the convention of NO_COLOR."""
        return bool(self.given.get("no_color") or os.environ.get("NO_COLOR"))

    @property
    def language(self) -> str:
        """The language that people are spoken to in, empty for English; a JSON document is always in English."""
        from vdesk.render.language import chosen

        return "" if self.json else chosen(os.environ)

    def words(self, text: str) -> str:
        """The text in that language."""
        from vdesk.render.language import speaker

        return speaker(self.language)(text)

    def host(self) -> Host:
        """The machine to work on: this one, or the captured one that --root names."""
        if self._host is None:
            from vdesk.host import captured, this_machine

            trace = self.trace if self.verbose else None
            root = self.given.get("root")
            self._host = captured(root, trace) if root else this_machine(trace)
        return self._host

    def mode(self) -> Mode:
        """How the executor runs."""
        from vdesk.changes.executor import Mode

        return Mode(
            dry_run=bool(self.given.get("dry_run")),
            yes=bool(self.given.get("yes")),
            ask=self._ask if self.terminal else None,
            progress=self._progress,
        )

    @property
    def shown_root(self) -> str:
        """The folder of a captured machine as messages could hold it: absolute; empty on this machine."""
        return "" if self._host is None or self._host.root == "/" else self._host.root

    def output(self) -> Output:
        """Where and how to render."""
        from vdesk.render import Output

        return Output(self.json, self.plain, self.verbose, self.shown_root, self.language, self.command == "setup")

    def trace(self, text: str) -> None:
        """One line for -v."""
        _say(text)

    def _ask(self, shown: Report) -> bool:
        from vdesk.render import show_plan

        show_plan(shown, self.output())
        return confirmed("Do this?", self.language)

    def _progress(self, text: str) -> None:
        if sys.stderr.isatty() or self.verbose:
            _say(self.words(text), **({} if self.plain else {"dim": True}))

    def sudo_line(self) -> str:
        """The command that does the same as root, for a person to type."""
        import shlex

        from vdesk.host.elevate import typed_after_sudo

        return shlex.join(["sudo", typed_after_sudo(), *self.argv])

    def run_with_sudo(self) -> None:
        """Replace this process by the same command as root."""
        from vdesk.host.elevate import run_with_sudo

        run_with_sudo(self.argv)

    @staticmethod
    def output_is_gone() -> None:
        """The reader of stdout has gone (`| head`): write nothing more, also not at exit."""
        from vdesk.host.elevate import discard_output

        discard_output(sys.stdout)

    @staticmethod
    def errors_are_gone() -> None:
        """The same of stderr."""
        from vdesk.host.elevate import discard_output

        discard_output(sys.stderr)


def _say(text: str, **style: Any) -> None:
    """A line on stderr, which nobody has to hear: a change does not fail because its terminal has gone."""
    with contextlib.suppress(OSError):
        say(text, **style)


def settings_of(ctx: click.Context) -> Settings:
    """The settings of a running command."""
    found = ctx.find_object(Settings)
    if found is None:
        raise RuntimeError("a command was run without settings")
    return found


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    source = ctx.get_parameter_source(param.name or "")
    typed, unset = source is click.core.ParameterSource.COMMANDLINE, param.name == "root" and not value
    if not typed and (source is not click.core.ParameterSource.ENVIRONMENT or unset):
        return value
    if unset:
        raise click.BadParameter("it names no folder", ctx=ctx, param=param)
    if typed or param.name not in settings_of(ctx).given:
        settings_of(ctx).given[param.name or ""] = value
    return value


def _option(*names: str, **more: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_remember, is_eager=True, **more)


GLOBAL_OPTIONS: tuple[click.Option, ...] = (
    _option("--root", metavar="DIR", envvar="VDESK_ROOT", shell_complete=files,
            help="Work on the captured machine below DIR."),
    _option("--json", is_flag=True, help="One JSON document on stdout."),
    _option("-n", "--dry-run", is_flag=True, help="Show the plan and change nothing."),
    _option("-y", "--yes", is_flag=True, help="Do not ask."),
    _option("-v", "--verbose", is_flag=True, help="Say every file read and command run."),
    _option("--no-color", is_flag=True, help="Plain text."),
)  # fmt: skip


class _BelowVdesk(Helpful):
    """What every command and group below vdesk has: the options of every command, and a name known before parsing."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params = [*self.params, *GLOBAL_OPTIONS]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples."""
        from vdesk.cli.examples import EXAMPLES

        rows = EXAMPLES.get(ctx.command_path.removeprefix("vdesk "))
        if rows:
            with formatter.section("Examples"):
                for line, about in rows:
                    formatter.write_text(f"{line}\n")
                    with formatter.indentation():
                        formatter.write_text(about)
        super().format_epilog(ctx, formatter)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context; the command's full name is known before its arguments are parsed, for errors among them."""
        if parent is not None:
            settings = settings_of(parent)
            above = f"{settings.command} " if settings.command else ""
            settings.command = "iommu groups" if info_name == "groups" else f"{above}{info_name}"
        return super().make_context(info_name, args, parent, **extra)


class Command(_BelowVdesk):
    """A command that takes the options of every command after its name too."""


class LazyGroup(Helpful, click.Group):
    """A group whose commands are modules, imported when used; their short help stands in the table."""

    command_class = Command

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self.lazy, self.no_args_is_help = lazy, False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table: the order of the road."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for an unknown name."""
        if cmd_name not in self.lazy:
            return None
        import importlib

        module, _, name = self.lazy[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command asked for; a wrong name is answered with the nearest right ones."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.lazy, 3, 0.5) if args else []
            if near:
                raise click.UsageError(f"{error.format_message()} Did you mean {' or '.join(near)}?", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy.items()])


class SubGroup(_BelowVdesk, LazyGroup):
    """A group below vdesk, with the options of every command."""


def command(name: str, **more: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Decorator: a vdesk command."""
    return click.command(name, cls=Command, **more)


def changing(ctx: click.Context, planner: Callable[[Host], Any]) -> Report:
    """Run a command that changes the machine: what an interrupted one left is finished first, then plan and execute."""
    from vdesk.changes.executor import run

    return after_recovery(ctx, lambda host, mode: run(planner(host), host, mode))


def after_recovery(ctx: click.Context, work: Callable[[Host, Mode], Report]) -> Report:
    """Finish what an interrupted command left, then do the work."""
    from vdesk.changes.recovery import finish_interrupted
    from vdesk.host.signals import treat_as_interrupts

    treat_as_interrupts()
    settings = settings_of(ctx)
    host, mode = settings.host(), settings.mode()
    found = finish_interrupted(host, mode, settings.command)
    if found is not None and found.exit_code:
        return found
    report = work(host, mode)
    if found is not None:
        report.notes[:0] = found.notes
    return report
