"""The changes that bring kernel arguments into GRUB's configuration: the edit, then grub.cfg generated from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from vdesk.boot import grub_cfg
from vdesk.boot.grub_defaults import DEFAULT, FOLDER, MAIN, Chain
from vdesk.boot.grub_edit import CommandLine
from vdesk.changes.change import Change, Progress
from vdesk.changes.commands import GenerateFile
from vdesk.changes.files import WriteFile
from vdesk.host import Host
from vdesk.model.errors import HostError, VdeskError, problem
from vdesk.model.kernel_args import Wanted, effect, split

SECONDS = 60.0
LOCALES = ("etc/default/locale", "etc/locale.conf")
_LOCALE = re.compile(r"^(LANG|LANGUAGE)=[\"']?([\w.@:-]+)[\"']?[ \t]*$", re.MULTILINE | re.ASCII)
# What grub-mkconfig does with these files (its `set -e` too), and then what came of it. Nothing is put into this text.
SOURCE = """set -e
vdesk_main=$1 vdesk_folder=$2
if test -f "$vdesk_main"; then . "$vdesk_main"; fi
for x in "$vdesk_folder"/*.cfg; do
  if [ -e "$x" ]; then . "$x"; fi
done
printf '\\0vdesk\\0%s\\0%s\\0' "$GRUB_CMDLINE_LINUX" "$GRUB_CMDLINE_LINUX_DEFAULT"
"""


class Expected(NamedTuple):
    """What sh has to make of the files: each variable's text where it could be told, and what the kernel has to get."""

    linux: str | None
    default: str | None
    wanted: Wanted | None
    sourced: bool = True

    @classmethod
    def of(cls, line: CommandLine, wanted: Wanted | None, chain: Chain) -> Expected:
        """What the static reading of the chain says."""
        return cls(line.linux.text, line.default.text, wanted, chain.sourced)


class GenerateGrub(GenerateFile):
    """grub.cfg anew. Before, the files are sourced once by sh as grub-mkconfig is about to do; before it replaces the
    old one, its kernel entries are looked at. What is not as planned is a failure, and everything goes back."""

    def __init__(self, host: Host, expected: Expected) -> None:
        program = "update-grub" if host.which("update-grub") or not host.which("grub-mkconfig") else "grub-mkconfig"
        super().__init__(
            grub_cfg.PATH,
            [*_language(host), program, "-o", "{output}"],
            [["grub-script-check", "{output}"]],
            grub_cfg.STARTS,
            f"generate /{grub_cfg.PATH} with {program}, check it, and only then put it in place",
        )
        self.expected = expected

    def preview(self, host: Host) -> str:
        """The commands, and what the files have to give."""
        line = self.expected.default
        gives = f"  # has to give {DEFAULT}={line!r}" if line is not None else ""
        return f"$ sh -c '. /{MAIN}; . /{FOLDER}/*.cfg'{gives}\n{super().preview(host)}"

    def apply(self, host: Host, progress: Progress) -> bool:
        """Source, compare, generate, check, swap."""
        check_source(host, self.expected)
        return super().apply(host, progress)

    def accept(self, host: Host, data: bytes) -> None:
        """Some kernel entry of the new grub.cfg has the arguments."""
        wanted = self.expected.wanted
        if wanted is None:
            return
        found = grub_cfg.effects(data.decode("utf-8", "surrogateescape"))
        if not any(wanted.met_by(each) for each in found):
            raise VdeskError(
                problem(
                    "grub.not-generated",
                    f"no kernel entry of the new /{grub_cfg.PATH} has {' '.join(wanted.words)}",
                    f"what makes the entries (/etc/grub.d) does not use {DEFAULT}, or something overrides it",
                    "look at the entries with: grep -n linux /boot/grub/grub.cfg",
                )
            )


def _language(host: Host) -> list[str]:
    """What stands before the program, so that the menu stays in its language: grub-mkconfig takes the titles and
    GRUB's own words from LANG (/etc/grub.d/00_header), and an entry may be chosen by its title (GRUB_DEFAULT)."""
    system = _system_locale(host)
    try:
        now = host.read_optional(grub_cfg.PATH)
    except HostError:
        return []  # a dry run of somebody who may not look
    lang = system.get("LANG", "").partition(".")[0] if now is None else grub_cfg.language(now)
    if not lang:
        return []
    if system.get("LANG", "").partition(".")[0] != lang:
        system = {"LANG": f"{lang}.UTF-8"}
    return ["env", "-u", "LC_ALL", *(f"{name}={word}" for name, word in sorted(system.items()))]


def _system_locale(host: Host) -> dict[str, str]:
    """LANG and LANGUAGE as the system has them (locale.conf(5)); sudo hands on a person's, which are mostly these."""
    for path in LOCALES:
        try:
            text = host.read_optional(path)
        except HostError:
            continue
        if text:
            return dict(_LOCALE.findall(text))
    return {}


def check_source(host: Host, expected: Expected) -> None:
    """Source the files once by sh; raises where sh fails or the result is not the expected one. A captured machine's
    files are never executed."""
    folder = host.tree.real(FOLDER) if expected.sourced else "/nonexistent"
    argv = ["/bin/sh", "-c", SOURCE, "sh", host.tree.real(MAIN), folder]
    ended = host.run(argv, timeout=SECONDS, changes=True)
    if ended.skipped:
        return
    fields = ended.stdout.split("\0")
    if ended.exit_code or len(fields) < 4 or fields[-4] != "vdesk":
        raise _not_sourced(ended.exit_code, ended.stderr)
    linux, default = fields[-3], fields[-2]
    pairs = ((expected.linux, linux), (expected.default, default))
    same = all(want is None or _seen(want) == got for want, got in pairs)
    line = f"{linux} {default}"
    met = expected.wanted is None or expected.wanted.met_by(effect(split(line, grub=True)))
    if not (same and met) or (expected.wanted and grub_cfg.cut_short(line)):
        raise _otherwise(linux, default)


def _seen(text: str) -> str:
    """The text as it comes back from a command's output."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _not_sourced(code: int, stderr: str) -> VdeskError:
    last = [line for line in stderr.splitlines() if line.strip()][-3:]
    return VdeskError(
        problem(
            "grub.not-sourced",
            f"sh cannot source /{MAIN} and the files in /{FOLDER} (exit code {code}), so update-grub would fail",
            "; ".join(last) or "a command in them failed, or ended the script",
            f"see the mistake with: sh -ex /{MAIN}",
        )
    )


def _otherwise(linux: str, default: str) -> VdeskError:
    return VdeskError(
        problem(
            "grub.not-as-planned",
            "sh makes something else of GRUB's configuration than was planned",
            f"it gives GRUB_CMDLINE_LINUX={linux!r} and {DEFAULT}={default!r}",
            f"look for what sets them with: grep -n GRUB_CMDLINE /{MAIN} /{FOLDER}/*.cfg",
        )
    )


def changes(
    host: Host, before: Chain, after: Chain, expected: Expected, summary: str, emptied: Sequence[str] = ()
) -> list[Change]:
    """The files that differ between the chains, then grub.cfg; `emptied` are folders that go with their last file."""
    paths = [MAIN, *sorted({each.path for each in (*before.extra, *after.extra)})]
    writes: list[Change] = [
        WriteFile(path, before.data(path), after.data(path), f"/{path}: {summary}", emptied=emptied)
        for path in paths
        if before.data(path) != after.data(path)
    ]
    return [*writes, GenerateGrub(host, expected)]
