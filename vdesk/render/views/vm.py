"""How virtual machines look as text."""

from __future__ import annotations

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer


def create(out: Writer, report: Report, output: Output) -> None:
    """What was decided, in a few lines."""
    data = report.data
    if not data:
        return
    kind = "" if data["type"] == "kvm" else ", emulated"
    out.say("machine", f"{data['name']}: {data['os']}, {data['cpus']} vCPUs, {data['memory_mib']} MiB{kind}", "bold")
    out.say("disk", str(data["disk"]))
    out.say("devices", ", ".join(data["devices"]) or "none of this machine's")


def list_(out: Writer, report: Report, output: Output) -> None:
    """One line a machine."""
    rows = report.data.get("machines", [])
    if not rows:
        out.line("There are no virtual machines.")
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        whose = "" if row["vdesk"] else " (not vdesk's)"
        style = "green" if row["state"] == "running" else ""
        devices = ", ".join(f"{each['address']} ({each['driver'] or 'no driver'})" for each in row["devices"])
        out.say(row["name"].ljust(width) + " ", f"{row['state']}{whose}{'  ' + devices if devices else ''}", style)


def show(out: Writer, report: Report, output: Output) -> None:
    """One machine in words."""
    data = report.data
    if not data:
        return
    out.say("machine", f"{data['name']}: {data['state']}", "bold")
    out.say(
        "guest",
        f"{data['os'] or 'unknown'}, {data['machine']}, type {data['type']}"
        + ("" if data["vdesk"] else ", not made by vdesk"),
    )
    out.say("cpus", f"{data['cpus']}" + _pins(data["pinning"]))
    out.say("memory", f"{data['memory_mib']} MiB")
    for label, values in (
        ("disk", data["disks"]),
        ("disc", data["discs"]),
        ("network", data["networks"]),
        ("usb", data["usb"]),
    ):
        for value in values:
            out.say(label, value)
    for device in data["devices"]:
        out.say("device", f"{device['address']} {device['name']}, driver {device['driver'] or 'none'}")
    if "cpu_map" in data:
        from vdesk.render.views.vm_cpus import cpus

        cpus(out, data["cpu_map"])


def _pins(pinning: dict[str, str]) -> str:
    return ", pinned: " + ", ".join(f"{vcpu} on {cpu}" for vcpu, cpu in pinning.items()) if pinning else ""
