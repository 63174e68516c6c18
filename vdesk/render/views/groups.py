"""IOMMU groups as trees: on a terminal two lines a device, in a pipe one, so that grep finds whole devices."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from rich.tree import Tree

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer


def groups(out: Writer, report: Report, output: Output) -> None:
    """One tree per group; graphics cards stand out."""
    for group in report.data.get("groups", []):
        tree = Tree(_title(group), guide_style="dim")
        for device in group["devices"]:
            tree.add(_device(device, group["blockers"], out.terminal))
        if out.terminal:
            out.console.print(tree)
        else:
            out.line(_title(group))
            for device in group["devices"]:
                out.line(Text("  ") + _device(device, group["blockers"], False))


def _title(group: dict[str, Any]) -> Text:
    title = Text(f"group {group['id']}", style="bold")
    if all(device["bridge"] for device in group["devices"]):
        return title + Text("  bridges only", style="not bold dim")
    if group["viable"]:
        return title + Text("  can be handed over", style="not bold green")
    return title + Text(f"  stays: blocked by {', '.join(group['blockers'])}", style="not bold red")


def _device(device: dict[str, Any], blockers: list[str], two_lines: bool) -> Text:
    gpu = device["class"] in ("0300", "0302", "0380")
    text = Text(device["address"], style="bold")
    text += Text(
        f"  {device['name']} [{device['vendor']}:{device['device']}]", style="bold cyan" if gpu else "not bold"
    )
    facts = [("GPU: " if gpu else "") + device["class_name"]]
    if not device["bridge"] or device["driver"] not in (None, "pcieport"):
        facts.append(f"driver {device['driver'] or 'none'}")
    if device["reset"]:
        facts.append(f"reset {' '.join(device['reset'])}")
    if device["boot_vga"]:
        facts.append("boot VGA")
    if device["bridge"]:
        facts.append("does not count")
    text += Text(("\n" if two_lines else "  ") + ", ".join(facts), style="not bold dim")
    if device["address"] in blockers:
        text += Text(", in use by this machine", style="not bold red")
    return text
