"""Where each device is after `bind` or `unbind`."""

from __future__ import annotations

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer


def devices(out: Writer, report: Report, output: Output) -> None:
    """One line a device."""
    if report.changes and report.changes[0].state == "planned":
        return
    if "trial" in report.data:
        _at_boot(out, report)
        return
    for each in report.data.get("devices", []):
        was = f", was {each['was'] or 'without a driver'}" if each["was"] != each["driver"] else ""
        out.say("", f"{each['address']}: {each['driver'] or 'no driver'}{was}")


_STATES = {
    "bound": "on vfio-pci",
    "not-bound": "not on vfio-pci now",
    "other-device": "another device is at this address now, so it is left alone",
    "boot-display": "the machine has booted on the card at this address, so it is left alone",
    "absent": "no device is at this address now",
}
_PHASES = {
    "armed": "the next boot with it is a trial",
    "trying": "this boot is a trial, not confirmed yet",
    "confirmed": "confirmed: a boot with it has reached the desktop with a picture",
    "skipped": "left out in this boot, since the one before was not a good one; the next one tries again",
    "failed": "off, since the last boot with it was not a good one; try again with: sudo vdesk bind ADDR --boot",
}


def _at_boot(out: Writer, report: Report) -> None:
    """What is bound at boot, and what the boots have shown."""
    for each in report.data["devices"]:
        out.say("device", f"{each['address']} {each['name']} [{each['vendor']}:{each['device']}]", "bold")
        out.say("", f"{_STATES[each['state']]} ({each['driver'] or 'no driver'})")
    tried = report.data["trial"]
    if tried:
        stale = tried["state"] == "trying" and not tried["this_boot"]
        out.say("trial", "the last boot with it was not confirmed" if stale else _PHASES[tried["state"]])
        if tried["reason"]:
            out.say("", f"why: {tried['reason']}")
