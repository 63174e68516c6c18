"""`vdesk gpu list|query|rom` in words."""

from __future__ import annotations

from typing import Any

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer

ROMS = {
    "uefi": "with a part for UEFI",
    "legacy": "for a legacy BIOS only",
    "none": "none of its own",
    "unread": "not read; see vdesk gpu rom",
}


def list_(out: Writer, report: Report, output: Output) -> None:
    """A block for each card."""
    for each in report.data["gpus"]:
        out.say("card", f"{each['address']} {each['name']} [{each['vendor']}:{each['device']}]", "bold")
        group = "no IOMMU group" if each["group"] is None else f"group {each['group']}"
        out.say("", f"{each['driver'] or 'no driver'}, {group}")
        out.say("display", each["display_reason"] or "the desktop does not need it")
        lit = [f"{one['name']} {one['status']}{', a picture' * one['enabled']}" for one in each["connectors"]]
        if lit:
            out.say("", "; ".join(lit))
        if each["seat"] not in (None, "seat0"):
            out.say("seat", each["seat"])
        for one in each["holders"]:
            out.say("held by", f"{one['command']} (pid {one['pid']}, user {one['user']}): {one['node']}")
        out.say("ROM", ROMS[each["rom"]])
        out.say("reset", ", ".join(each["reset"]) or "none that the kernel knows")
    if not report.data["gpus"]:
        out.say("", "no graphics card was found")
    if report.data["mode"]:
        out.say("mode", f"prime-select: {report.data['mode']}, from the next boot on")
    if report.data["unseen"]:
        out.say("", f"{report.data['unseen']} processes could not be looked into; root can: sudo vdesk gpu list")


def query(out: Writer, report: Report, output: Output) -> None:
    """The mode alone on its line, then what is so now."""
    out.line(report.data["mode"] or "none")


def rom(out: Writer, report: Report, output: Output) -> None:
    """Its images, and what they are good for."""
    data: dict[str, Any] = report.data
    if not data:
        return
    out.say("ROM", f"{data['size']} bytes, SHA-256 {data['sha256']}", "bold")
    for each in data["images"]:
        out.say("", f"{each['kind']}, {each['bytes']} bytes, for {each['vendor']}:{each['device']}")
    out.say("UEFI", "yes: it shows a picture in a virtual machine before a driver is there" if data["uefi"] else "no")
