"""How virtual machines look as text."""

from __future__ import annotations

from typing import Any

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer


def create(out: Writer, report: Report, output: Output) -> None:
    """What was decided, in a few lines."""
    data = report.data
    if not data:
        return
    kind = "" if data["type"] == "kvm" else ", emulated"
    size = f"{data['cpus']} vCPUs, {data['memory_mib']} MiB{kind}"
    if data["cpus"] == 1:
        size = f"1 vCPU, {data['memory_mib']} MiB{kind}"
    out.say("machine", f"{data['name']}: {data['os']}, {size}", "bold")
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
        devices = _devices(row)
        out.say(row["name"].ljust(width) + " ", f"{row['state']}{whose}{'  ' + devices if devices else ''}", style)


def _devices(row: dict[str, Any]) -> str:
    """The card and who has it; of the other devices the addresses, and who has them where it is somebody else."""
    cards = [each for each in row["devices"] if each["address"] == row["gpu"]]
    said = [f"card {each['address']} {each['name']}: {_holder(each)}" for each in cards]
    shared = {_holder(each) for each in cards}
    for each in row["devices"]:
        if each not in cards:
            holder = _holder(each)
            said.append(each["address"] if {holder} == shared else f"{each['address']}: {holder}")
    return "; ".join(said)


def _holder(device: dict[str, Any]) -> str:
    """Who has the device now."""
    if device["machine"]:
        return f"{device['machine']} has it"
    if device["driver"] == "vfio-pci":
        return "free for a machine (vfio-pci)"
    if device["name"] == "not there":
        return "nobody has it"
    return f"this machine has it ({device['driver'] or 'no driver'})"


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
    out.say("firmware", _firmware(data))
    out.say("cpus", f"{data['cpus']}" + _pins(data["pinning"]))
    out.say("memory", f"{data['memory_mib']} MiB" + (", in huge pages" if data["hugepages"] else ""))
    for label, values in (
        ("disk", data["disks"]),
        ("disc", data["discs"]),
        ("network", data["networks"]),
        ("usb", data["usb"]),
        ("rom", data["roms"]),
        ("input", data["evdev"]),
        ("screen", _screens(data)),
    ):
        for value in values:
            out.say(label, value)
    for device in data["devices"]:
        out.say("device", f"{device['address']} {device['name']}: {_holder(device)}")
    for note in _notes(data):
        out.say("note", note)
    if "cpu_map" in data:
        from vdesk.render.views.vm_cpus import cpus

        cpus(out, data["cpu_map"])


def _notes(data: dict[str, Any]) -> list[str]:
    """What an installation that waits, or is not tidied up after, asks of a person."""
    from vdesk.plans.vm_install import SHELL, tidied

    first = "it was not started yet: the first start answers the installation disc's question"
    return [*([first, SHELL] if data["install"] else []), *([tidied(data["name"])] if data["answers"] else [])]


def _firmware(data: dict[str, Any]) -> str:
    parts = ["UEFI" if data["firmware"] == "uefi" else "BIOS", "Secure Boot" if data["secure_boot"] else ""]
    return ", ".join(filter(None, (*parts, "TPM" if data["tpm"] else "")))


def _screens(data: dict[str, Any]) -> list[str]:
    shared = data["looking_glass_mib"]
    return [f"{data['screen']} (virt-viewer)"] * bool(data["screen"]) + [f"Looking Glass, {shared} MiB"] * bool(shared)


def _pins(pinning: dict[str, str]) -> str:
    return ", pinned: " + ", ".join(f"{vcpu} on {cpu}" for vcpu, cpu in pinning.items()) if pinning else ""
