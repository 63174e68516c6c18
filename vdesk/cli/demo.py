"""`vdesk demo`: the same commands on a private copy of the demo machine; alone, the whole tour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from vdesk.cli import completing
from vdesk.cli.options import Settings, command, settings_of
from vdesk.cli.spoken import say
from vdesk.model.report import Report

BEFORE_WORDS = (("check",), ("iommu", "enable"), ("iommu", "disable"), ("iommu", "status"))
PASSED_ON = {"json": "--json", "dry_run": "--dry-run", "yes": "--yes", "verbose": "--verbose", "no_color": "--no-color"}


@command("demo", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--before/--booted",
    "before",
    default=None,
    help="The machine before its IOMMU was turned on, or after. "
    "Without it: before for check and for iommu enable, disable, status; booted for all others.",
)
@click.argument(
    "words", metavar="[COMMAND [ARGS]...]", nargs=-1, type=click.UNPROCESSED, shell_complete=completing.commands
)
@click.pass_context
def demo(ctx: click.Context, before: bool | None, words: tuple[str, ...]) -> Report | int:
    """The same commands on the demo machine: a desktop with an Intel iGPU, a GeForce GTX 950 and an ASM1042.

    Each run works on a fresh private copy, removed at the end. With no COMMAND, the whole tour: from a kernel without
    IOMMU to a defined virtual machine, and all the way back. Needs no root and touches nothing of this computer."""
    settings = settings_of(ctx)
    _no_other_root(ctx, words)
    if not words:
        return _tour(settings)
    if words[0] == "demo":
        raise click.UsageError("the demo has no demo of its own", ctx)
    with _machine(_is_before(words) if before is None else before) as root:
        return _run(settings, root, _own_discs(words))


def _own_discs(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words, `win10.iso` alone being the machine's: its current folder is the one where its discs lie."""
    from vdesk.machines.tour import DISCS, IMAGES

    split = [word.rpartition("=") for word in words]
    return tuple(
        f"{option}{sign}{IMAGES}/{name}" if name in DISCS else option + sign + name for option, sign, name in split
    )


def _no_other_root(ctx: click.Context, words: tuple[str, ...]) -> None:
    """The demo machine is the machine, also for its command; a VDESK_ROOT in the environment does not count."""
    asked = click.core.ParameterSource.COMMANDLINE
    inner = any(word == "--root" or word.startswith("--root=") for word in words)
    if inner or any(each.get_parameter_source("root") is asked for each in (ctx, ctx.parent) if each):
        raise click.UsageError("the demo works on its own machine: it takes no --root", ctx)


def _is_before(words: tuple[str, ...]) -> bool:
    names = tuple(each for each in words if not each.startswith("-"))
    return any(names[: len(each)] == each for each in BEFORE_WORDS)


@contextmanager
def _machine(before: bool) -> Iterator[str]:
    """A private copy of the demo machine."""
    from vdesk.host.signals import treat_as_interrupts
    from vdesk.host.unpack import private_folder, remove_folder
    from vdesk.machines import BEFORE, DEMO, unpack

    treat_as_interrupts()
    root = private_folder()
    try:
        unpack(BEFORE if before else DEMO, root)
        yield root
    finally:
        remove_folder(root)


def _run(settings: Settings, root: str, words: tuple[str, ...], *more: str) -> int:
    """One command of vdesk on the copy; its exit code."""
    from vdesk.cli import run

    options = [option for name, option in PASSED_ON.items() if settings.given.get(name)]
    return run(["--root", root, *options, *more, *words])


def _tour(settings: Settings) -> Report | int:
    with _machine(before=True) as root, _libvirt() as missing:
        if settings.json:
            return _tour_as_json(settings, root, missing)
        return _tour_as_text(settings, root, missing)


@contextmanager
def _libvirt() -> Iterator[bool]:
    """Keep libvirt's test driver open, which else forgets all between two connections; yields whether it is missing."""
    from vdesk.host.libvirt_conn import Libvirt
    from vdesk.model.errors import Refused

    kept: Any = None
    try:
        kept = Libvirt("test:///default")
    except Refused:
        pass
    yield kept is None


def _steps(root: str, missing: bool) -> Iterator[tuple[tuple[str, ...], int, tuple[str, ...]]]:
    """Words, expected exit code and what is said before, of each step; reboots the copy where the road does."""
    from vdesk.machines import reboot
    from vdesk.machines.tour import TOUR

    for step in TOUR:
        if step.reboot:
            reboot(root)
        if missing and step.instead:
            said = (*step.before, "The Python module libvirt is not installed: the definition is only printed.")
            yield step.instead, step.exit_code, said
        else:
            yield step.words, step.exit_code, step.before


def _tour_as_text(settings: Settings, root: str, missing: bool) -> int:
    from vdesk.machines.tour import INTRO, OUTRO

    strange = []
    _say(settings, INTRO)
    for words, expected, before in _steps(root, missing):
        _say(settings, ("", *before))
        _tell(settings, f"$ vdesk {' '.join(words)}", bold=True)
        code = _run(settings, root, words)
        _tell(settings, settings.words(f"(exit code {code})"), dim=True)
        if code != expected:
            strange.append(f"vdesk {' '.join(words)}: exit code {code}, not {expected}")
    _say(settings, ("", *(OUTRO if not strange else ("Not everything went as expected:", *strange))))
    return 1 if strange else 0


def _say(settings: Settings, lines: tuple[str, ...]) -> None:
    for line in lines:
        if line:
            _tell(settings, settings.words(line), fg="cyan")
        else:
            _tell(settings, "")


def _tell(settings: Settings, text: str, **style: Any) -> None:
    say(text, err=False, **({} if settings.plain else style))


def _tour_as_json(settings: Settings, root: str, missing: bool) -> Report:
    """Every step's own envelope, one below the other, in the envelope of the tour."""
    import json

    steps = []
    for words, expected, before in _steps(root, missing):
        code, text = _captured(settings, root, words)
        result = json.loads(text)
        steps.append({"command": ["vdesk", *words], "said": " ".join(before), "expected": expected, "result": result})
        if code != expected:
            from vdesk.model.errors import FAILED, problem

            what = f"vdesk {' '.join(words)} ended with exit code {code}, not {expected}"
            found = problem("demo.unexpected", what, "the demo machine is always the same", "look at data.steps")
            return Report("demo", FAILED, data={"steps": steps}, errors=[found])
    return Report("demo", data={"steps": steps})


def _captured(settings: Settings, root: str, words: tuple[str, ...]) -> tuple[int, str]:
    import io
    from contextlib import redirect_stdout

    stdout = io.StringIO()
    with redirect_stdout(stdout):
        code = _run(settings, root, words, "--json")
    return code, stdout.getvalue()
