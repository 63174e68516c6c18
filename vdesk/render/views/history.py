"""The journal as a list."""

from __future__ import annotations

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer

WORDS = {
    "done": "in force",
    "undone": "taken back",
    "settled": "done, and nothing of it is left to take back",
    "skipped": "skipped: a captured machine does nothing of it, so there is nothing to take back",
    "open": "interrupted: take it back with sudo vdesk undo",
    "damaged": "damaged: sudo vdesk undo takes back what can be read, and says what to do about the rest",
    "partly": "partly taken back: try again with sudo vdesk undo",
}


def history(out: Writer, report: Report, output: Output) -> None:
    """One paragraph an entry, oldest first."""
    for each in report.data.get("entries", []):
        state = WORDS.get(each["state"], each["state"])
        out.say(str(each["id"]), f"{each['command']}  {each['time']}  {state}", "bold")
        for change in each["changes"]:
            out.say("done" if change["state"] == "settled" else change["state"], change["summary"], "dim", indent=9)
    if not report.data.get("entries"):
        out.line("vdesk has changed nothing on this machine.")
