"""`vdesk bind --list`: what is bound at boot, and what the boots so far have shown."""

from __future__ import annotations

from vdesk.changes.drivers import boot_id
from vdesk.host import Host
from vdesk.initramfs.binding import listed, trial
from vdesk.initramfs.bound import rows
from vdesk.model.report import Report


def show(host: Host) -> Report:
    """The devices, and the trial: its state, why it is not confirmed, and whether that is of this boot."""
    found, state = rows(host), trial(host)
    tried = {
        "state": state["phase"],
        "reason": state.get("reason") or None,
        "proven": state.get("proven") == "yes",
        "this_boot": bool(state.get("boot")) and state.get("boot") == boot_id(host),
    }
    report = Report("bind", data={"devices": found, "trial": tried if listed(host) else None})
    if not found:
        report.notes.append("Nothing is bound at boot. Bind a device with: vdesk bind ADDR --boot")
    return report
