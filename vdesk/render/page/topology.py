"""The PCI functions as a tree, IOMMU groups as coloured areas behind it: one SVG for `groups --svg` and `report`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from vdesk.render.page.markup import Markup, joined, tag

Node = dict[str, Any]
Words = Callable[[str], str]

WIDTH, ROW, BOX, HEAD, GAP, STEP, LEFT = 900, 48, 42, 24, 8, 26, 14
SIGN = 6.9  # the width of a letter at 13 pixels, on the safe side
COLOURS = 6
STYLE = """
.topology { font: 13px system-ui, sans-serif; --ink: #1b1f24; --dim: #57606a; --box: #ffffff; --edge: #8c959f;
  --vfio: #8250df; --kept: #cf222e; --area: #eef1f4; --sheet: #ffffff; }
.topology .a0 { --area: #ddeeff; } .topology .a1 { --area: #dff5e3; } .topology .a2 { --area: #fff1cc; }
.topology .a3 { --area: #fbe3ef; } .topology .a4 { --area: #e9e4fb; } .topology .a5 { --area: #d9f3f3; }
@media (prefers-color-scheme: dark) {
.topology { --ink: #e6edf3; --dim: #9da7b1; --box: #1c2128; --edge: #6e7781; --vfio: #b392f0; --kept: #ff8f86;
  --area: #262c34; --sheet: #0d1117; }
.topology .a0 { --area: #16324f; } .topology .a1 { --area: #173a24; } .topology .a2 { --area: #44360f; }
.topology .a3 { --area: #47233a; } .topology .a4 { --area: #2f2855; } .topology .a5 { --area: #123c3e; }
}
.topology text { fill: var(--ink); } .topology .dim { fill: var(--dim); font-size: 12px; }
.topology .sheet { fill: var(--sheet); } .topology .area { fill: var(--area); }
.topology .box { fill: var(--box); stroke: var(--edge); } .topology .gpu { stroke-width: 2.5; }
.topology .wire { fill: none; stroke: var(--edge); stroke-width: 1.5; }
.topology .bold { font-weight: 600; } .topology .kept { fill: var(--kept); }
.topology .vfio { fill: var(--vfio); } .topology .screen { fill: none; stroke: var(--ink); stroke-width: 1.5; }
.topology .lit { fill: var(--ink); }
"""


class Row(NamedTuple):
    """A function and how deep in the tree it stands; `above` is the place of its parent in the list, -1 for none."""

    node: Node
    depth: int
    above: int


def picture(
    tree: Sequence[Node],
    groups: Sequence[dict[str, Any]],
    cards: Sequence[dict[str, Any]] = (),
    say: Words = str,
    wanted: frozenset[str] | None = None,
) -> Markup:
    """The picture. `tree` as vdesk.host.pci_tree has it, `groups` as `vdesk groups`, `cards` as `vdesk gpu list`.

    `wanted` are the addresses to draw, with the bridges that lead there; None draws all."""
    rows = _flat([each for each in tree if _kept(each, wanted)], wanted)
    by_id = {each["id"]: each for each in groups}
    blockers = {address for each in groups for address in each["blockers"]}
    screens = {each["address"]: each for each in cards}
    parts: list[Markup] = []
    areas: list[Markup] = []
    places: list[tuple[int, int]] = []
    y = GAP
    for number, run in groupby(rows, key=lambda row: row.node["group"]):
        members = list(run)
        height = HEAD + ROW * len(members) + GAP // 2
        group = by_id.get(number)
        areas.append(_area(number, group, y, height, min(row.depth for row in members), say))
        for place, row in enumerate(members):
            top = y + HEAD + place * ROW
            places.append((LEFT + row.depth * STEP, top))
            parts.append(_box(row, top, row.node["address"] in blockers, screens.get(row.node["address"]), say))
        y += height + GAP
    wires = [_wire(places[row.above], places[index]) for index, row in enumerate(rows) if row.above >= 0]
    title = say("The PCI devices of this machine, and their IOMMU groups")
    return tag(
        "svg",
        tag("title", title),
        tag("style", Markup(STYLE)),
        tag("rect", class_="sheet", width=WIDTH, height=y),
        *areas,
        *wires,
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {y}",
        width=WIDTH,
        height=y,
        role="img",
        class_="topology",
    )


def _kept(node: Node, wanted: frozenset[str] | None) -> bool:
    return wanted is None or node["address"] in wanted or any(_kept(each, wanted) for each in node["below"])


def _flat(nodes: Sequence[Node], wanted: frozenset[str] | None) -> list[Row]:
    """The rows from top to bottom; no recursion, for a captured tree may be as deep as it likes."""
    found: list[Row] = []
    waiting = [(node, 0, -1) for node in reversed(nodes)]
    while waiting:
        node, depth, above = waiting.pop()
        found.append(Row(node, min(depth, 12), above))
        here = len(found) - 1
        waiting.extend((each, depth + 1, here) for each in reversed(node["below"]) if _kept(each, wanted))
    return found


def _area(number: int | None, group: dict[str, Any] | None, y: int, height: int, depth: int, say: Words) -> Markup:
    bridges = group is not None and all(device["bridge"] for device in group["devices"])
    colour = ("area", f"a{number % COLOURS}") if number is not None and group and not bridges else ("area",)
    if number is None:
        label = say("no IOMMU group")
    else:
        more = say("bridges only") if bridges else _state(group, say)
        label = f"{say(f'group {number}')}: {more}" if more else say(f"group {number}")
    stays = group is not None and not group["viable"] and not bridges
    return joined(
        tag("rect", class_=colour, x=2, y=y, width=WIDTH - 4, height=height, rx=10),
        tag("text", label, class_=("bold", "kept") if stays else "bold", x=LEFT + depth * STEP, y=y + 17),
    )


def _state(group: dict[str, Any] | None, say: Words) -> str:
    if group is None:
        return ""
    if group["viable"]:
        return say("can be handed over")
    shown = ", ".join(group["blockers"])
    return _cut(say(f"stays: blocked by {shown}"), 100)


def _box(row: Row, y: int, kept: bool, card: dict[str, Any] | None, say: Words) -> Markup:
    node, x = row.node, LEFT + row.depth * STEP
    monitors = [each for each in (card or {}).get("connectors", ()) if each["status"] == "connected"][:3]
    width = WIDTH - x - LEFT - (150 if monitors else 0)
    gpu = node["class"] in ("0300", "0302", "0380")
    vfio = "vfio" in (node["driver"] or "")
    room = int((width - 24) / SIGN)
    name = f"{node['name']} [{node['vendor']}:{node['device']}]"
    driver = say(f"driver {node['driver']}") if node["driver"] else say("no driver")
    facts = [f"GPU: {node['class_name']}" if gpu else node["class_name"], driver]
    facts += [say("boot VGA")] if node["boot_vga"] else []
    facts += [say("the desktop is on it")] if card and card["display"] else []
    facts += [say("in use by this machine")] if kept else []
    return tag(
        "g",
        tag("title", f"{node['address']} {name}"),
        tag("rect", class_=("box", "gpu") if gpu else "box", x=x, y=y, width=width, height=BOX, rx=6),
        *([tag("rect", class_="vfio", x=x, y=y, width=6, height=BOX, rx=3)] if vfio else []),
        tag(
            "text",
            tag("tspan", node["address"], class_="bold"),
            tag("tspan", _cut(name, room - 14), dx=8),
            x=x + 14,
            y=y + 17,
        ),
        tag("text", _cut(", ".join(facts), room + 6), class_=("dim", "kept") if kept else "dim", x=x + 14, y=y + 34),
        *(_screen(each, WIDTH - 152, y + 1 + place * 14) for place, each in enumerate(monitors)),
    )


def _screen(connector: dict[str, Any], x: int, y: int) -> Markup:
    """A small monitor with the name of the output; filled where it shows a picture."""
    shape = ("screen", "lit") if connector["enabled"] else ("screen",)
    return joined(
        tag("rect", class_=shape, x=x, y=y + 1, width=14, height=8, rx=1),
        tag("path", class_="screen", d=f"M{x + 4} {y + 11.5}h6"),
        tag("text", _cut(connector["name"], 18), class_="dim", x=x + 20, y=y + 10),
    )


def _wire(parent: tuple[int, int], child: tuple[int, int]) -> Markup:
    """From the left edge of the bridge down, and to the box."""
    x, y = parent[0] + STEP // 2 - 3, parent[1] + BOX
    return tag("path", class_="wire", d=f"M{x} {y}V{child[1] + BOX // 2}H{child[0]}")


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(room - 1, 1)]}\u2026"
