"""Which CPUs of the host the vCPUs sit on: whole cores, one cache, the card's memory; the rest is the host's."""

from __future__ import annotations

from vdesk.host.cpu_topology import Core, CpuTopology
from vdesk.vm.spec import Pinning

KEPT_CORES = 2
Place = tuple[int, int]


def pin(topology: CpuTopology, vcpus: int, threads: int, node: int = -1) -> Pinning | None:
    """vCPUs on whole cores, two cores and the first one left; `threads` vCPUs a core. None when the host has too few.

    An odd number of vCPUs takes one thread of each core, and shares cores only where there are not enough."""
    usable = _usable(topology)
    for per_core in (threads, topology.threads):
        count = -(-vcpus // per_core)
        if count <= len(usable):
            return _on(topology, _choose(usable, count, node), vcpus, per_core)
    return None


def most(topology: CpuTopology) -> int:
    """How many vCPUs can be pinned."""
    return sum(len(core.cpus) for core in _usable(topology))


def _usable(topology: CpuTopology) -> list[Core]:
    """The fast cores, best last: two whole cores stay with the host, the boot CPU's first."""
    cores = sorted(topology.fast, key=lambda core: core.cpus)
    kept = max(0, KEPT_CORES - (len(topology.cores) - len(cores)))
    first_too = 1 if topology.hybrid and not kept and len(cores) > 1 else 0
    return cores[max(kept, first_too) :]


def _choose(usable: list[Core], count: int, node: int) -> list[Core]:
    """Cores of one cache when it fits, on the card's node, in the smallest that does; else over as few as can be."""
    places: dict[Place, list[Core]] = {}
    for core in usable:
        places.setdefault((core.node, core.cache), []).append(core)
    fitting = [cores for cores in places.values() if len(cores) >= count]
    if fitting:
        best = min(fitting, key=lambda cores: (_far(cores[0], node), len(cores), -cores[-1].cpus[0]))
        return best[-count:]
    order = sorted(places.values(), key=lambda cores: (_far(cores[0], node), -len(cores), -cores[-1].cpus[0]))
    chosen = [core for cores in order for core in cores][:count]
    return sorted(chosen, key=lambda core: core.cpus)


def _far(core: Core, node: int) -> bool:
    return node >= 0 and core.node != node


def _on(topology: CpuTopology, chosen: list[Core], vcpus: int, per_core: int) -> Pinning:
    cpus = [cpu for core in chosen for cpu in core.cpus[:per_core]][:vcpus]
    host = [cpu for core in topology.cores if core not in chosen for cpu in core.cpus]
    return Pinning(tuple(cpus), tuple(sorted(host)))
