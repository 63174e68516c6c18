"""The virtual machines and the processor, as parts of the page."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from vdesk.render.page.markup import Markup, joined, tag

Facts = dict[str, Any]
Words = Callable[[str], str]
OTHERS = {"host": "this machine", "emulator": "QEMU", "io": "disks"}


def machines(found: Facts, finding: Callable[[Facts, Words], Markup], say: Words) -> list[Markup]:
    """Each machine with its devices, what is wrong with it, and where it runs; without one the bare processor."""
    parts = [tag("h2", say("The virtual machines"))]
    if not found["rows"]:
        parts.append(tag("p", say(found["why"] or "There are no virtual machines")))
    for each in found["rows"]:
        parts.append(tag("h3", f"{each['name']}: ", say(each["state"])))
        parts += [tag("p", tag("code", one["address"]), f" {one['name']}: ", _who(one, say)) for one in each["devices"]]
        parts += [finding(one, say) for one in each["findings"]]
    parts.append(tag("h2", say("The processor")))
    pinned = [each for each in found["rows"] if each["cpu_map"]["pinned"]]
    for each in pinned:
        parts += [tag("h3", each["name"]), _cpus(each["cpu_map"]["cores"], say)]
    if not pinned:
        parts.append(_cpus(found["cpus"]["cores"], say))
    return parts


def _who(device: Facts, say: Words) -> str:
    if device["machine"]:
        return say(f"the virtual machine {device['machine']} has it")
    return say(f"driver {device['driver']}") if device["driver"] else say("no driver")


def _cpus(cores: list[Facts], say: Words) -> Markup:
    """Boxes: a node's caches, a cache's cores, a core's CPUs and what runs on them."""
    if not cores:
        return tag("p", say("the cores of this machine could not be read"))
    mixed = len({core["fast"] for core in cores}) > 1
    blocks = []
    for (node, cache), run in groupby(cores, key=lambda core: (core["node"], core["cache"])):
        title = say(f"node {node}, shared cache of CPU {cache}") if cache >= 0 else say(f"node {node}")
        blocks.append(
            tag(
                "div",
                tag("p", title, class_="dim"),
                tag("div", *(_core(core, mixed, say) for core in run)),
                class_="cache",
            )
        )
    return tag("div", *blocks, class_="cpus")


def _core(core: Facts, mixed: bool, say: Words) -> Markup:
    guest = [f"vCPU {', '.join(map(str, numbers))}" for numbers in core["vcpus"].values()]
    lines = [*guest, *(say(OTHERS[each]) for each in core["others"])]
    kind = [say("a fast core") if core["fast"] else say("a slow core")] if mixed else []
    first = ", ".join([f"CPU {','.join(map(str, core['cpus']))}", *kind])
    return tag(
        "div",
        tag("strong", first),
        joined(*(joined(Markup("<br>"), line) for line in lines)),
        class_=("core", "guest") if guest else "core",
    )
