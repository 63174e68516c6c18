"""`vdesk hook status` and `vdesk hook check` in words."""

from __future__ import annotations

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer


def status(out: Writer, report: Report, output: Output) -> None:
    """The hook, what libvirt knows of it, what it holds, and the hooks of others."""
    data = report.data
    if not data["installed"]:
        out.say("hook", f"{data['path']} is not installed", "bold")
        out.say("do", "install it with: sudo vdesk hook install", "bold")
    else:
        out.say("hook", f"{data['path']} is installed", "bold")
        wrong = _wrong(data["current"], data["executable"], data["noticed"])
        for each in wrong or ["it is this vdesk's, executable, and libvirt knows of it"]:
            out.say("", each)
        if wrong and data["noticed"] is not None:
            out.say("do", "bring it in order with: sudo vdesk hook install", "bold")
    if data["taken"] is None:
        out.say("taken", "root only can tell whether devices are taken: sudo vdesk hook status")
    elif data["taken"]:
        out.say("taken", f"devices are taken for: {', '.join(data['taken'])}")
        for uuid in data["taken"]:
            out.say("", f"if that machine is off: sudo {data['path']} --give-back={uuid}")
    for each in data["others"]:
        runs = "" if each["executable"] else "; it is not executable, libvirt skips it"
        does = f"it {', '.join(each['does'])}, see docs/hook.md" if each["does"] else "it does other things"
        out.say("other", f"{each['path']}: {does}{runs}")


def _wrong(current: bool, executable: bool, noticed: bool | None) -> list[str]:
    found = [] if current else ["it is not this vdesk's: of another version, or edited"]
    found += [] if executable else ["it is not executable: libvirt skips it"]
    found += ["the running libvirt daemon has not noticed it"] if noticed is False else []
    return found + (["whether libvirt has noticed it could not be told"] if noticed is None else [])


def check(out: Writer, report: Report, output: Output) -> None:
    """What the hook says of itself."""
    for line in report.data["lines"]:
        word, _, text = line.partition(" ")
        out.say(word, text.strip(), "green" if word == "ok" else "bold red")
