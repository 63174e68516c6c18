"""A Report as text: the result on stdout, errors on stderr. A terminal gets colour and wrapping, a pipe neither."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from vdesk.model import finding as level
from vdesk.model.errors import INTERRUPTED, Problem
from vdesk.model.report import ChangeView, Report
from vdesk.render import Output, clean, mapped, printable
from vdesk.render.language import catalogue

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STATE_STYLE = {"planned": "cyan", "done": "green", "skipped": "yellow", "undone": "yellow", "failed": "bold red"}
LABEL = 9
NO_WRAP, WIDTH = 100_000, 80
FEW_LINES = 10  # of a new file, which are shown also where many plans are told in one
QUESTION_LINES = 40  # of one preview, before the question and after a no: the words have to stay in sight


class Writer:
    """Lines to one stream, in the language of the output: what it is given is English. `say` takes a label, which is
    kept apart by a hanging indent when a terminal wraps.

    A pipe gets the same words without rich, which takes longer to load than most commands run."""

    def __init__(self, stream: TextIO, output: Output) -> None:
        self.stream, self.plain, self.terminal = stream, output.plain, stream.isatty()
        self.catalogue = catalogue(output.language)

    @cached_property
    def console(self) -> Console:
        """rich's, for what only it can draw."""
        from rich.console import Console

        found = Console(
            file=self.stream,
            width=None if self.terminal else NO_WRAP,
            no_color=self.plain,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=False,
            color_system="auto" if self.terminal and not self.plain else None,
        )
        if found.width < 1:  # COLUMNS=0
            found.width = WIDTH
        return found

    @property
    def width(self) -> int:
        """Columns of the terminal; without one, more than any line has."""
        return self.console.width if self.terminal else NO_WRAP

    def words(self, text: str) -> str:
        """The text in the language of the output."""
        return text if self.catalogue is None else self.catalogue.say(text)

    def styled(self, text: Text) -> Text:
        """As `words`, for a text whose parts have styles: each part is a phrase of its own."""
        if self.catalogue is None:
            return text
        cuts = sorted({place for span in text.spans for place in (span.start, span.end)})
        parts = [(self.words(part.plain), part.spans[0].style if part.spans else "") for part in text.divide(cuts)]
        return text.assemble(*parts, style=text.style)

    def line(self, text: Text | str = "", style: str = "") -> None:
        """One paragraph, wrapped on a terminal only."""
        text = self.words(text) if isinstance(text, str) else self.styled(text)
        if not self.terminal:
            self._write(str(text))
            return
        from rich.text import Text

        whole = Text(text, style=style) if isinstance(text, str) else text
        for part in whole.wrap(self.console, self.width, overflow="fold") or [Text()]:
            part.rstrip()
            self.console.print(part, soft_wrap=True)

    def say(self, label: str, text: str, style: str = "", indent: int = 0, body: str = "") -> None:
        """`label` in its own column, then the text with a hanging indent."""
        if self.catalogue is not None:
            label, text = self.catalogue.label(label), self.catalogue.say(text)
        lead = " " * indent + label.ljust(LABEL)
        if not self.terminal:
            self._write(lead + text.replace("\n", "\n" + " " * len(lead)))
            return
        from rich.text import Text

        start = Text(lead, style=style)
        lines = Text(text, style=body).wrap(self.console, max(20, self.width - indent - LABEL), overflow="fold")
        for number, part in enumerate(lines):
            part.rstrip()
            self.console.print(Text.assemble(start if number == 0 else " " * len(lead), part), soft_wrap=True)

    def _write(self, text: str) -> None:
        self.stream.write("".join(f"{each.expandtabs().rstrip()}\n" for each in text.split("\n")))

    def raw(self, text: str, style: str = "") -> None:
        """One line as it is, never wrapped: of a file, of a command."""
        if not self.terminal:
            self.stream.write(f"{text.expandtabs()}\n")
            return
        from rich.text import Text

        self.console.print(Text(text, style=style), soft_wrap=True)


def write(report: Report, output: Output) -> None:
    """The whole report; of a plan that somebody has just seen and said no to, only what is left to say."""
    _for_people(report, output)
    out, err = Writer(sys.stdout, output), Writer(sys.stderr, output)
    if report.exit_code != INTERRUPTED or report.errors:
        _write_result(out, report, output)
    for note in report.notes:
        out.line(note)
    sys.stdout.flush()
    for each in report.errors:
        write_problem(err, each)
    sys.stderr.flush()


def _write_result(out: Writer, report: Report, output: Output) -> None:
    from vdesk.render.views import view_of

    view: Callable[[Writer, Report, Output], None] | None = view_of(report.command)
    if view is not None and not report.errors:
        view(out, report, output)
    if report.command not in ("check", "doctor"):
        write_findings(out, report)
    cut = output.brief or report.exit_code == INTERRUPTED
    write_changes(out, report, output, QUESTION_LINES if cut else NO_WRAP)


def write_plan(report: Report, output: Output) -> None:
    """A plan before the question, on stderr."""
    _for_people(report, output)
    err = Writer(sys.stderr, output)
    for note in report.notes:
        err.line(note)
    write_findings(err, report)
    write_changes(err, report, output, QUESTION_LINES)


def write_problem(err: Writer, each: Problem) -> None:
    """An error: what, why, what helps."""
    err.say("error", f"{each.what}  [{each.id}]", "bold red")
    err.say("why", each.cause, "dim", body="")
    err.say("do", each.remedy, "bold")


def write_findings(out: Writer, report: Report) -> None:
    """What a plan found that a person should know before."""
    for each in report.findings:
        out.say(each.level, each.title, "cyan" if each.level in (level.OK, level.INFO) else "yellow")
        if each.remedy:
            out.say("do", each.remedy, "dim", indent=LABEL)


def write_changes(out: Writer, report: Report, output: Output, most: int = NO_WRAP) -> None:
    """Every change: its state, what it is, and `most` lines of its preview where that is still to come or was asked
    for."""
    for each in report.changes:
        out.say(each.state, each.summary, STATE_STYLE.get(each.state, ""))
        if each.diff and (each.state == "planned" or output.verbose):
            _diff(out, each, output, most)


def _diff(out: Writer, change: ChangeView, output: Output, most: int) -> None:
    lines = change.diff.rstrip("\n").split("\n")
    new = sum(line[:1] == "+" for line in lines[2:])
    if output.verbose:
        most = NO_WRAP
    elif output.brief and lines[0].endswith("/dev/null") and new > FEW_LINES:
        out.raw(" " * LABEL + out.words(f"a new file of {new} lines; see them with --dry-run -v"), "dim")
        return
    gone = sum(line[:1] == "-" for line in lines[2:])
    if most < NO_WRAP and lines[1:2] == ["+++ /dev/null"] and gone > FEW_LINES:
        every = _every(output)
        out.raw(" " * LABEL + out.words(f"the file goes, with its {gone} lines; see them with {every}"), "dim")
        return
    if len(lines) > most + 1:  # the last one takes no more room than these words
        more = _every(output)
        lines[most:] = [out.words(f"... and {len(lines) - most} lines more; see them all with {more}")]
    for line in lines:
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim")
        if line[:1] not in "+-@ ":  # no line of a file
            line = out.words(line)
        out.raw(" " * LABEL + line, style)


def _every(output: Output) -> str:
    """The options that show all lines of a preview."""
    return " ".join(["--dry-run", *(["-v"] if output.brief else [])])


def _for_people(report: Report, output: Output) -> None:
    """What is printed never holds the folder of a captured machine, nor what a terminal could take for a command."""

    def change(value: Any) -> Any:
        return mapped(clean(value, output.root), printable)

    report.data = change(report.data)
    report.notes = change(report.notes)
    report.errors = [Problem(*(change(part) for part in each)) for each in report.errors]
    report.findings = [each._replace(**change(each._asdict())) for each in report.findings]
    for each in report.changes:
        each.target, each.summary, each.diff = (change(part) for part in (each.target, each.summary, each.diff))
