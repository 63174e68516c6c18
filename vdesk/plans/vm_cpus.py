"""`vdesk show NAME --cpus`: this machine's cores, and what of a virtual machine runs on each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from vdesk.host import Host
from vdesk.host.cpu_topology import Core, parse_list, read_topology
from vdesk.vm.defined import LIMIT

HOST, EMULATOR, IO = "host", "emulator", "io"


def cpu_map(host: Host, xml: str, cores: Sequence[Core] | None = None) -> dict[str, Any]:
    """`cores`: every physical core with its CPUs, package, cache (the first CPU that shares its L3, -1 unknown;
    `cache_size` in bytes, 0 unknown), NUMA node, whether it is a fast one, the vCPU on each CPU, and the `others` that
    may run there (`host`: programs of this machine while no CPU is kept for the guest; `emulator`, `io`: QEMU's own
    threads). `pinned`: whether vCPUs have places at all. `cores` are another machine's."""
    tune = ElementTree.fromstring(xml[:LIMIT]).find("cputune")
    pins: dict[int, list[int]] = {}
    threads: dict[str, tuple[int, ...]] = {}
    for each in tune if tune is not None else ():
        cpus = parse_list(each.get("cpuset", ""))
        if each.tag == "vcpupin" and each.get("vcpu", "").isdecimal():
            for cpu in cpus:
                pins.setdefault(cpu, []).append(int(each.get("vcpu", "0")))
        elif each.tag in ("emulatorpin", "iothreadpin"):
            name = EMULATOR if each.tag == "emulatorpin" else IO
            threads[name] = (*threads.get(name, ()), *cpus)
    there = read_topology(host).cores if cores is None else cores
    return {"pinned": bool(pins), "cores": [_row(core, pins, threads) for core in there]}


def _row(core: Core, pins: dict[int, list[int]], threads: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    vcpus = {str(cpu): sorted(pins[cpu]) for cpu in core.cpus if cpu in pins}
    others = [] if vcpus else [HOST]
    others += [name for name in (EMULATOR, IO) if set(core.cpus) & set(threads.get(name, ()))]
    return {
        "cpus": list(core.cpus),
        "package": core.package,
        "cache": core.cache,
        "cache_size": core.cache_size,
        "node": core.node,
        "fast": core.fast,
        "vcpus": vcpus,
        "others": others,
    }
