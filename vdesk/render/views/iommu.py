"""`vdesk iommu status` in words."""

from __future__ import annotations

from typing import Any

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer
from vdesk.render.verdict import IOMMU

PLACES = {
    "configured": "/etc/default/grub and grub.d",
    "generated": "/boot/grub/grub.cfg",
    "booted": "/proc/cmdline",
}


def status(out: Writer, report: Report, output: Output) -> None:
    """State, the argument in its three places, and what the kernel said."""
    data = report.data
    out.say("state", f"{IOMMU.get(data['state'], '')} ({data['state']})", "bold")
    width = max(len(out.words(place)) for place in PLACES) + 2
    for place, where in PLACES.items():
        out.say("", f"{out.words(place) + ':':<{width}}{_words(data[place])}  ({where})")
    for line in data.get("log", []):
        out.say("kernel", line, "dim")
    for first, second in data.get("disagreements", []):
        out.say("differ", f"what is {first} is not what is {second}", "yellow")
    if data.get("unread"):
        past = data["unread"]
        for label, key in (("warn", "what"), ("why", "cause"), ("seen", "evidence"), ("do", "remedy")):
            out.say(label, past[key], "yellow" if key == "what" else "")
    elif data.get("next"):
        out.say("do", ", then ".join(data["next"]), "bold")


def _words(value: Any) -> str:
    if value is None:
        return "could not be told"
    if isinstance(value, str):
        return value
    return " ".join(value) or "no argument"
