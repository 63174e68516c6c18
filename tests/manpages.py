"""Write the manual pages, `vdesk(1)` and one for each command, from the help of the commands: `./dev man [FOLDER]`.

python3 -m tests.manpages build/man          needs vdesk's own dependencies and nothing else
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from vdesk import __version__
from vdesk.cli import main
from vdesk.cli.examples import EXAMPLES
from vdesk.cli.options import GLOBAL_OPTIONS, Settings

TOP = Path(__file__).resolve().parent.parent
CODES = (
    ("0", "done, or ready"),
    ("1", "failed, and what was changed has been put back"),
    ("2", "wrong usage; nothing was changed"),
    ("3", "this machine is not ready, or a safety rule refused"),
    ("4", "root is needed, and there is no terminal to ask for it"),
    ("5", "failed, and something could not be put back; it is listed"),
    ("130", "interrupted, and put back"),
)
FILES = (
    ("/var/lib/vdesk/journal", "what was changed and how to take it back; root only"),
    ("/etc/vdesk", "the devices bound at boot, by address and identity"),
    ("/etc/libvirt/hooks/qemu.d/50-vdesk", "the libvirt hook"),
    ("/etc/default/grub", "the kernel's argument, only the words it must"),
    ("/etc/default/grub.d/zz-vdesk.cfg", "the same, where that file does not decide"),
    ("/var/log/vdesk/hook.log", "what the hook did"),
)
ENVIRONMENT = (
    ("VDESK_ROOT", "as --root: a captured machine to work on"),
    ("NO_COLOR", "as --no-color"),
)


def date() -> str:
    """The day of the page: SOURCE_DATE_EPOCH's where a build has to give the same bytes again, else today."""
    return time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))


def plain(text: str) -> str:
    """Text for roff: its own signs made harmless."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in text.split("\n"))


def commands(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command and group with its full name, in the order of the road."""
    context = click.Context(group, info_name=above or "vdesk", obj=Settings([]))
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        full = f"{above} {name}".strip()
        yield full, command
        if isinstance(command, click.Group):
            yield from commands(command, full)


def page_name(full: str) -> str:
    """The name of a command's page: `vdesk-iommu-enable`, `vdesk` alone for the program."""
    return "-".join(["vdesk", *full.split()])


def paragraphs(text: str) -> str:
    """The help of a command as roff paragraphs."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n.PP\n".join(plain(" ".join(block.split())) for block in blocks)


def _option(option: click.Parameter, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record, option
    words, about = record
    return f".TP\n.B {plain(words)}\n{plain(about)}"


def _table(title: str, rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    yield f".SH {title}"
    yield from (f".TP\n.B {plain(word)}\n{plain(about)}" for word, about in rows)


def page(full: str, command: click.Command) -> str:
    """The manual page of one command."""
    context = click.Context(command, info_name=" ".join(["vdesk", *full.split()]), obj=Settings([]))
    name = page_name(full)
    short = command.get_short_help_str(200).rstrip(".")
    lines = [
        f'.TH "{plain(name.upper())}" "1" "{date()}" "vdesk {__version__}" "User Commands"',
        ".SH NAME",
        f"{plain(name)} \\- {plain(short)}",
        ".SH SYNOPSIS",
        f".B {plain(context.command_path)}",
        plain(" ".join(command.collect_usage_pieces(context))),
        ".SH DESCRIPTION",
        paragraphs(command.help or ""),
    ]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for child, each in commands(command, full):
            if child.count(" ") == full.count(" ") + bool(full):
                about = plain(each.get_short_help_str(200))
                lines.append(f".TP\n.B {plain(page_name(child))}(1)\n{about}")
    own = [each for each in command.params if isinstance(each, click.Option) and each not in GLOBAL_OPTIONS]
    if own:
        lines += [".SH OPTIONS", *(_option(each, context) for each in own)]
    lines += [".SH OPTIONS OF EVERY COMMAND", *(_option(each, context) for each in GLOBAL_OPTIONS)]
    if full in EXAMPLES:
        lines.append(".SH EXAMPLES")
        lines += [f".TP\n.B {plain(line)}\n{plain(about)}" for line, about in EXAMPLES[full]]
    lines += _table("EXIT STATUS", CODES)
    if not full:
        lines += _table("FILES", FILES)
        lines += _table("ENVIRONMENT", ENVIRONMENT)
    lines += [".SH SEE ALSO", plain(", ".join(f"{each}(1)" for each in _others(full)))]
    return "\n".join(lines) + "\n"


def _others(full: str) -> list[str]:
    if not full:
        return ["virsh", "virt-viewer", "lspci"]
    above = full.rpartition(" ")[0]
    return list(dict.fromkeys(["vdesk", page_name(above)]))


def pages() -> dict[str, str]:
    """File name -> text, of every page."""
    found = {"vdesk.1": page("", main)}
    found |= {f"{page_name(full)}.1": page(full, command) for full, command in commands(main)}
    return found


def write(folder: Path) -> None:
    """Write every page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "build/man")
