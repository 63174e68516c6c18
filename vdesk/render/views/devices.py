"""Where each device is after `bind` or `unbind`."""

from __future__ import annotations

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer


def devices(out: Writer, report: Report, output: Output) -> None:
    """One line a device."""
    if report.changes and report.changes[0].state == "planned":
        return
    for each in report.data.get("devices", []):
        was = f", was {each['was'] or 'without a driver'}" if each["was"] != each["driver"] else ""
        out.say("", f"{each['address']}: {each['driver'] or 'no driver'}{was}")
