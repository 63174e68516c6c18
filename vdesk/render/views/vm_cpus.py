"""The map of the processor in the terminal: a line for each core, drawn together by cache and node."""

from __future__ import annotations

from typing import Any

from vdesk.render.text import Writer

WORDS = {"host": "this machine", "emulator": "QEMU", "io": "disks"}


def cpus(out: Writer, found: dict[str, Any]) -> None:
    """Which vCPU is where; without pinning, that they may be anywhere."""
    cores = found["cores"]
    if not cores:
        out.say("cpus", "the cores of this machine could not be read")
        return
    if not found["pinned"]:
        out.say("pinning", "none: every vCPU may run on every CPU (vdesk create --pin)")
    mixed = len({core["fast"] for core in cores}) > 1
    width = max(len(_cpus(core)) for core in cores)
    uneven = len({core["cache_size"] for core in cores}) > 1
    place: tuple[int, int] | None = None
    for core in cores:
        here = (core["node"], core["cache"])
        if here != place:
            place = here
            cache = f", shared cache of CPU {core['cache']}" if core["cache"] >= 0 else ""
            size = f" ({core['cache_size'] >> 20} MiB)" if cache and uneven else ""
            out.say("node", f"{core['node']}{cache}{size}", "bold")
        kind = ("  fast" if core["fast"] else "  slow") if mixed else ""
        guest = [f"vCPU {', '.join(map(str, numbers))}" for numbers in core["vcpus"].values()]
        shown = " + ".join([*guest, *(WORDS[each] for each in core["others"])])
        mark = "#" * len(core["vcpus"]) + "." * (len(core["cpus"]) - len(core["vcpus"]))
        out.say("", f"{mark:<2} CPU {_cpus(core):<{width}}{kind}  {shown}", "", body="green" if guest else "")


def _cpus(core: dict[str, Any]) -> str:
    return ",".join(map(str, core["cpus"]))
