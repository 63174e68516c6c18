"""`iommu status`: the IOMMU's arguments as configured, as generated and as booted, and which of them disagree."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from vdesk.boot import by_hand, grub_cfg
from vdesk.boot.detect import GRUB, Loader, loader
from vdesk.boot.grub_defaults import MAIN, decoded, read_chain, settings
from vdesk.boot.grub_edit import command_line
from vdesk.boot.unread import Unread, unread
from vdesk.host import Host
from vdesk.host.iommu_state import state
from vdesk.model.errors import Absent, HostError, VdeskError
from vdesk.model.kernel_args import about_iommu, split

CMDLINE = "proc/cmdline"


def status(host: Host) -> dict[str, Any]:
    """`data` of `iommu status`: state and log of the kernel, and the arguments. `configured`, `generated` and `booted`
    are lists of words, None where they cannot be told; why not is in the key of the same name with `_reason`.
    `unread` says why no reboot will make them agree; None where nothing tells."""
    found, used = state(host), loader(host)
    configured, reason = _configured(host, used)
    generated, not_generated = _generated(host, used)
    now, not_booted = _booted(host)
    differing = _disagreements(configured, generated, now)
    past = unread(host) if ["generated", "booted"] in differing else None
    return {
        "state": found.name,
        "vendor": found.vendor,
        "configured": configured,
        "configured_reason": reason,
        "generated": generated,
        "generated_reason": not_generated,
        "booted": now,
        "booted_reason": not_booted,
        "log": list(found.log or ()),
        "loader": {"name": used.name, "evidence": used.evidence, "supported": used.supported},
        "disagreements": differing,
        "next": _next(host, differing, used, past),
        "unread": past._asdict() if past else None,
    }


def _configured(host: Host, used: Loader) -> tuple[list[str] | None, str]:
    """The words that /etc/default/grub and its folder give, and why they cannot be told."""
    if not used.reads_grub_cfg:
        return None, f"the boot loader is {used.name}, not GRUB"
    try:
        chain = read_chain(host)
        line = command_line(settings(chain))
    except VdeskError as error:
        return None, error.problems[0].what
    if not line.known:
        return None, line.default.reason or line.linux.reason
    if not chain.files:
        return None, f"/{MAIN} is not there"
    return [decoded(word) for word in about_iommu(line.words)], ""


def _generated(host: Host, used: Loader) -> tuple[list[str] | None, str]:
    """The words of the kernel entry that grub.cfg starts by itself, and why they cannot be told. What lies there beside
    another loader counts for nothing."""
    if not used.reads_grub_cfg:
        return None, f"the boot loader is {used.name}, not GRUB"
    try:
        line = grub_cfg.default_line(host.read(grub_cfg.PATH))
    except HostError as error:
        return None, _why(grub_cfg.PATH, error)
    return (about_iommu(line), "") if line is not None else (None, f"/{grub_cfg.PATH} has no kernel entry")


def _booted(host: Host) -> tuple[list[str] | None, str]:
    """The words of /proc/cmdline, and why they cannot be told."""
    try:
        return about_iommu(split(host.read(CMDLINE, 1 << 16))), ""
    except HostError as error:
        return None, _why(CMDLINE, error)


def _why(path: str, error: HostError) -> str:
    return f"/{path} is not there" if isinstance(error, Absent) else f"/{path} could not be read: {error.cause}"


def _disagreements(
    configured: list[str] | None, generated: list[str] | None, now: list[str] | None
) -> list[list[str]]:
    """The pairs of stages whose arguments differ, in the order of boot; what is not known disagrees with nothing."""
    stages = [
        (name, words)
        for name, words in (("configured", configured), ("generated", generated), ("booted", now))
        if words is not None
    ]
    return [[first, second] for (first, one), (second, other) in pairwise(stages) if one != other]


def _next(host: Host, differing: list[list[str]], used: Loader, past: Unread | None) -> list[str]:
    """What to run so that they agree."""
    if past is not None:
        return ["sudo vdesk iommu disable"]
    update = "sudo update-grub" if used.name in GRUB else by_hand.mkconfig(host)
    todo: list[str] = []
    if ["configured", "generated"] in differing:
        todo.append(update)
    if differing:
        todo += ["sudo systemctl reboot", "vdesk check"]
    return todo
