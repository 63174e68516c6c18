"""IOMMU groups as trees: on a terminal two lines a device, in a pipe one, so that grep finds whole devices."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from rich.tree import Tree

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer


def groups(out: Writer, report: Report, output: Output) -> None:
    """One tree per group; graphics cards stand out. Nothing where a picture was asked for."""
    for group in report.data.get("groups", []) if "svg" not in report.data else ():
        tree = Tree(out.styled(_title(group)), guide_style="dim")
        for device in group["devices"]:
            tree.add(out.styled(_device(device, group["blockers"], out.terminal)))
        if out.terminal:
            out.console.print(tree)
        else:
            out.line(_title(group))
            for device in group["devices"]:
                out.line(Text.assemble("  ", _device(device, group["blockers"], False)))


def _title(group: dict[str, Any]) -> Text:
    title = (f"group {group['id']}", "bold")
    if all(device["bridge"] for device in group["devices"]):
        return Text.assemble(title, ("  bridges only", "dim"))
    if group["viable"]:
        return Text.assemble(title, ("  can be handed over", "green"))
    return Text.assemble(title, (f"  stays: blocked by {', '.join(group['blockers'])}", "red"))


def _device(device: dict[str, Any], blockers: list[str], two_lines: bool) -> Text:
    gpu = device["class"] in ("0300", "0302", "0380")
    facts = [("GPU: " if gpu else "") + device["class_name"]]
    if not device["bridge"] or device["driver"] not in (None, "pcieport"):
        facts.append(f"driver {device['driver'] or 'none'}")
    if device["reset"]:
        facts.append(f"reset {' '.join(device['reset'])}")
    if device["boot_vga"]:
        facts.append("boot VGA")
    if device["bridge"]:
        kept = device["address"] in blockers
        facts.append("cannot move" if kept else "does not count")
    return Text.assemble(
        (device["address"], "bold"),
        (f"  {device['name']} [{device['vendor']}:{device['device']}]", "bold cyan" if gpu else ""),
        (("\n" if two_lines else "  ") + ", ".join(facts), "dim"),
        (", in use by this machine" if device["address"] in blockers else "", "red"),
    )
