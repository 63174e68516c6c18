"""Which CPUs of the host the vCPUs sit on: whole cores, one cache, the card's memory; the rest is the host's."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.host.cpu_topology import Core, CpuTopology
from vdesk.vm.spec import Pinning

KEPT_CORES = 2
Place = tuple[int, int]


def pin(topology: CpuTopology, vcpus: int, threads: int, node: int = -1) -> Pinning | None:
    """vCPUs on whole cores, two cores and the first one left; `threads` vCPUs a core. None when the host has too few.

    An odd number of vCPUs takes one thread of each core, and shares cores only where there are not enough."""
    for per_core in (threads, topology.threads):
        count = -(-vcpus // per_core)
        ways = [_choose(usable, count, node) for usable in _usable(topology) if count <= len(usable)]
        if ways:
            return _on(topology, min(ways, key=lambda cores: _cost(cores, node)), vcpus, per_core)
    return None


def most(topology: CpuTopology) -> int:
    """How many vCPUs can be pinned."""
    return sum(len(core.cpus) for core in _usable(topology)[0])


def said(topology: CpuTopology, found: Pinning, node: int = -1) -> str:
    """Which of the caches the vCPUs have, in a sentence, where these differ in size (a Ryzen X3D has 3D V-Cache on one
    half of its cores only); empty where they do not."""
    if not _uneven(topology.fast):
        return ""
    big = max(core.cache_size for core in topology.fast)
    mine = sorted({core.cache_size for core in topology.cores if set(core.cpus) & set(found.cpus)})
    largest, shown = f"{big >> 20} MiB", f"{', '.join(str(size >> 20) for size in mine)} MiB"
    better = [core for core in _usable(topology)[-1] if core.cache_size == big]
    if mine == [big]:
        return f"The vCPUs are on the cores with the larger cache ({largest}), which games gain most from."
    if all(_far(core, node) for core in better):
        return f"The vCPUs are on cores with {shown} of cache, and not on those with {largest}: the card is nearer."
    return (
        f"The vCPUs are on cores with {shown} of cache. Games gain most from the larger one ({largest}), where there is"
        f" room for {sum(len(core.cpus) for core in better)}."
    )


def _uneven(cores: Sequence[Core]) -> bool:
    """Whether the caches are known, and of more than one size."""
    sizes = {core.cache_size for core in cores}
    return len(sizes) > 1 and 0 not in sizes


def _usable(topology: CpuTopology) -> list[list[Core]]:
    """The fast cores, best last: two whole cores stay with the host, the boot CPU's first. Where the caches differ in
    size there is a second way: the other core that stays is one of the smallest cache."""
    cores = sorted(topology.fast, key=lambda core: core.cpus)
    kept = max(0, KEPT_CORES - (len(topology.cores) - len(cores)))
    first_too = 1 if topology.hybrid and not kept and len(cores) > 1 else 0
    number = max(kept, first_too)
    ways = [cores[number:]]
    if number > 1 and _uneven(cores):
        stays = [cores[0], *sorted(cores[1:], key=lambda core: core.cache_size)[: number - 1]]
        ways.append([core for core in cores if core not in stays])
    return ways


def _cost(cores: list[Core], node: int) -> tuple[int, int, int]:
    """Less is better: cores away from the card, caches, and the bytes that these lack."""
    return (
        sum(_far(core, node) for core in cores),
        len({(core.node, core.cache) for core in cores}),
        -sum(core.cache_size for core in cores),
    )


def _choose(usable: list[Core], count: int, node: int) -> list[Core]:
    """Cores of one cache when it fits: on the card's node, in the largest cache, with the fewest cores that do; else
    over as few as can be."""
    places: dict[Place, list[Core]] = {}
    for core in usable:
        places.setdefault((core.node, core.cache), []).append(core)
    uneven = _uneven(usable)

    def order(cores: list[Core], most: int) -> tuple[bool, int, int, int]:
        return _far(cores[0], node), -cores[0].cache_size if uneven else 0, most * len(cores), -cores[-1].cpus[0]

    fitting = [cores for cores in places.values() if len(cores) >= count]
    if fitting:
        return min(fitting, key=lambda cores: order(cores, 1))[-count:]
    spread = sorted(places.values(), key=lambda cores: order(cores, -1))
    chosen = [core for cores in spread for core in cores][:count]
    return sorted(chosen, key=lambda core: core.cpus)


def _far(core: Core, node: int) -> bool:
    return node >= 0 and core.node != node


def _on(topology: CpuTopology, chosen: list[Core], vcpus: int, per_core: int) -> Pinning:
    cpus = [cpu for core in chosen for cpu in core.cpus[:per_core]][:vcpus]
    host = [cpu for core in topology.cores if core not in chosen for cpu in core.cpus]
    return Pinning(tuple(cpus), tuple(sorted(host)))
