"""The report as one page of HTML: no script, nothing from elsewhere, every text of the machine escaped."""

from __future__ import annotations

from typing import Any

from vdesk.model.finding import FAIL, INFO, OK, UNKNOWN, WARN, Finding
from vdesk.render import clean
from vdesk.render.language import speaker
from vdesk.render.page.machines import machines
from vdesk.render.page.markup import Markup, joined, tag
from vdesk.render.page.style import STYLE
from vdesk.render.page.topology import Words, picture
from vdesk.render.verdict import verdict

Facts = dict[str, Any]
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The browser loads nothing for this page, whatever stands in it (Content-Security-Policy, W3C CSP 3)."""


def page(facts: Facts, language: str = "", root: str = "") -> str:
    """The whole document, in ASCII. `facts` as vdesk.plans.report collects them; `root`, the folder of a captured
    machine, stands nowhere in it."""
    facts, say = clean(facts, root), speaker(language)
    head = joined(
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", say("vdesk report")),
        tag("style", Markup(STYLE)),
    )
    body = joined(
        tag("header", tag("h1", say("vdesk report")), _verdict(facts, say), _about(facts, say)),
        tag("main", *_sections(facts, say)),
    )
    whole = tag("html", tag("head", head), tag("body", body), lang=language or "en")
    return plain(f"<!DOCTYPE html>\n{whole}\n")


def plain(document: str) -> str:
    """A document of HTML or SVG in ASCII, which every locale can print: the other letters are references."""
    return document.encode("ascii", "xmlcharrefreplace").decode("ascii")


def svg(facts: Facts, language: str = "", root: str = "") -> str:
    """The picture of the groups alone, as a file: `facts` has what `topology.picture` takes."""
    facts = clean(facts, root)
    drawn = picture(facts["tree"], facts["groups"], facts["cards"], speaker(language), facts["wanted"])
    return plain(f'<?xml version="1.0" encoding="UTF-8"?>\n{drawn}\n')


def _sections(facts: Facts, say: Words) -> list[Markup]:
    drawn = picture(facts["tree"], facts["groups"], facts["cards"], say)
    rest = [each for each in facts["findings"] if each["level"] in (OK, INFO)]
    bad = [each for name in (FAIL, WARN, UNKNOWN) for each in facts["findings"] if each["level"] == name]
    return [
        tag("h2", say("What vdesk check finds")),
        *(finding(each, say) for each in bad),
        _folded(f"{len(rest)} findings without fault", [finding(each, say) for each in rest], say),
        tag("h2", say("The devices and their groups")),
        tag(
            "p", say("A group goes to a virtual machine as a whole; a violet edge: vfio-pci has it"), ".", class_="dim"
        ),
        tag("div", drawn, class_="wide") if facts["tree"] else tag("p", say("it could not be read")),
        tag("h2", say("The displays")),
        *([_card(each, say) for each in facts["cards"]] or [tag("p", say("no graphics card was found"))]),
        *machines(facts["machines"], finding, say),
        tag("h2", say("The kernel")),
        tag("h3", say("Its command line")),
        tag("pre", facts["cmdline"] or say("it could not be read")),
        *_changes(facts, say),
        *_log(facts["log"], say),
    ]


def _verdict(facts: Facts, say: Words) -> Markup:
    found = [Finding(**each) for each in facts["findings"]]
    sentence, step = verdict(found, facts["ready"], facts["iommu"])
    more = [tag("p", say("what to do next"), ": ", tag("code", say(step)))] if step else []
    return tag("div", tag("p", say(sentence)), *more, class_=("verdict", "ready") if facts["ready"] else "verdict")


def _about(facts: Facts, say: Words) -> Markup:
    about = facts["about"]
    memory = f"{about['memory'] / (1 << 30):.1f} GiB" if about["memory"] else ""
    rows = [
        (say("operating system"), about["system"]),
        (say("Linux kernel"), about["kernel"]),
        (say("processor model"), about["processor"]),
        (say("main memory"), memory),
        (say("main board"), about["board"]),
        (say("firmware version"), about["firmware"]),
        ("vdesk", f"{about['vdesk']}, {about['made']}"),
    ]
    return tag("dl", *(joined(tag("dt", name), tag("dd", value)) for name, value in rows if value), class_="about")


def finding(each: Facts, say: Words) -> Markup:
    """One finding: its level, what it says, why, what helps, and what it rests on."""
    where = f" {each['device']}" if each.get("device") else ""
    lines = [(say("the cause"), each["cause"]), (say("what helps"), each["remedy"]), (say("seen in"), each["evidence"])]
    level = tag("span", each["level"], class_=("level", each["level"]))
    return tag(
        "div",
        tag("p", level, tag("code", each["id"], where), " ", say(each["title"]), class_="title"),
        *(tag("p", tag("span", name, ": ", class_="dim"), say(text)) for name, text in lines if text),
        class_="finding",
    )


def _folded(title: str, inside: list[Markup], say: Words) -> Markup:
    return tag("details", tag("summary", say(title)), *inside) if inside else Markup("")


def _card(card: Facts, say: Words) -> Markup:
    reason = card["display_reason"] or "the desktop does not need it"
    lit = [say(f"{each['name']} {each['status']}{', a picture' * each['enabled']}") for each in card["connectors"]]
    held = [f"{each['command']}: {each['node']}" for each in card["holders"]]
    rows = [
        (say("its driver"), card["driver"] or say("no driver")),
        (say("the display"), say(reason)),
        (say("its outputs"), "; ".join(lit)),
        (say("held open by"), ", ".join(held)),
        (say("reset methods"), " ".join(card["reset"])),
    ]
    return joined(
        tag("h3", f"{card['address']} {card['name']} [{card['vendor']}:{card['device']}]"),
        tag("dl", *(joined(tag("dt", name), tag("dd", value)) for name, value in rows if value), class_="about"),
    )


def _changes(facts: Facts, say: Words) -> list[Markup]:
    """What vdesk itself has at this machine: the devices bound at boot, the hook, the changes of its journal."""
    found = [tag("h2", say("What vdesk changed"))]
    bound, hook = facts["bound"].get("devices") or [], facts["hook"]
    for each in bound:
        found.append(tag("p", say(f"{each['address']} is bound at boot")))
    trial = facts["bound"].get("trial")
    if trial:
        state = f"{trial['state']}: {say(trial['reason'])}" if trial["reason"] else trial["state"]
        found.append(tag("p", say("the trial of binding at boot"), ": ", state))
    if hook:
        there = "the libvirt hook is installed" if hook["installed"] else "the libvirt hook is not installed"
        found.append(tag("p", say(there)))
        found += [tag("p", say(f"another hook: {each['path']}")) for each in hook["others"]]
    rows = [
        tag("tr", tag("td", each["id"]), tag("td", tag("code", each["command"])), tag("td", say(each["state"])))
        for each in facts["history"]
    ]
    return [*found, tag("table", *rows)] if rows else found


def _log(log: Facts, say: Words) -> list[Markup]:
    found = [tag("h2", say("What the kernel said"))]
    if log["lines"]:
        found.append(tag("pre", "\n".join(log["lines"])))
    if log["more"]:
        found.append(tag("p", say(f"and {log['more']} lines more"), class_="dim"))
    if not log["lines"]:
        found.append(tag("p", say(log["why"]) or say("nothing of these devices")))
    return found
