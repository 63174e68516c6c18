"""The processor: which CPUs share a core, a last-level cache, a NUMA node; which cores of a hybrid are the fast ones
(Documentation/admin-guide/cputopology.rst, Documentation/ABI/stable/sysfs-devices-node)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vdesk.host.host import Host
from vdesk.model.number import is_number

CPUS = "sys/devices/system/cpu"
NODES = "sys/devices/system/node"
CPUINFO = "proc/cpuinfo"
MEMINFO = "proc/meminfo"
MOST_COUNTED = 1 << 12
MOST = 1 << 16
"""More CPUs than any kernel counts."""
VENDORS = {"GenuineIntel": "intel", "AuthenticAMD": "amd", "HygonGenuine": "amd"}


@dataclass(frozen=True)
class Core:
    """One physical core: its CPUs (SMT siblings), the first CPU of its last-level cache (-1 unknown), its NUMA node;
    `cache_size`: of that cache, in bytes (0 unknown)."""

    cpus: tuple[int, ...]
    package: int
    cache: int
    node: int
    fast: bool = True
    cache_size: int = 0


@dataclass(frozen=True)
class CpuTopology:
    """The machine's cores in order of their first CPU; empty where unknown. `vendor`: intel, amd, other."""

    cores: tuple[Core, ...]
    vendor: str
    flags: frozenset[str]

    @property
    def cpus(self) -> int:
        """How many CPUs the kernel schedules on; 0 unknown."""
        return sum(len(core.cpus) for core in self.cores)

    @property
    def fast(self) -> tuple[Core, ...]:
        """The performance cores of a hybrid processor, else all of them."""
        return tuple(core for core in self.cores if core.fast)

    @property
    def hybrid(self) -> bool:
        """Whether there are two kinds of cores."""
        return len(self.fast) != len(self.cores)

    @property
    def threads(self) -> int:
        """Threads per (fast) core: 2 with SMT."""
        return max((len(core.cpus) for core in self.fast), default=1)


def parse_list(text: str) -> tuple[int, ...]:
    """The numbers of a kernel CPU list such as `0-3,8`; nothing for what is no list."""
    found: list[int] = []
    for part in text.strip().split(","):
        first, dash, last = part.partition("-")
        if is_number(first) and (not dash or is_number(last)) and int(last or first) < MOST:
            found.extend(range(int(first), int(last or first) + 1))
        if len(found) > MOST:
            return ()  # it names some of them again and again
    return tuple(found)


def format_list(numbers: tuple[int, ...]) -> str:
    """A kernel CPU list of the numbers, ranges drawn together."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ",".join("-".join(str(each) for each in part) for part in parts)


def read_topology(host: Host) -> CpuTopology:
    """The topology from sysfs, else from /proc/cpuinfo."""
    info = _cpuinfo(host)
    first = info[0] if info else {}
    flags = frozenset(first.get("flags", "").split())
    cores = _from_sysfs(host) or _from_cpuinfo(info)
    return CpuTopology(tuple(_alike(cores)), VENDORS.get(first.get("vendor_id", ""), "other"), flags)


def _alike(cores: list[Core]) -> list[Core]:
    """The fast cores all have the same threads: beside those, one of fewer is a slow core, or has a sibling offline."""
    threads = max((len(core.cpus) for core in cores if core.fast), default=1)
    return [replace(core, fast=core.fast and len(core.cpus) == threads) for core in cores]


def _from_sysfs(host: Host) -> list[Core]:
    online = _online(host)
    siblings = _siblings(host, online)
    slow = set(parse_list(host.value("sys/devices/cpu_atom/cpus")))
    fast = set(parse_list(host.value("sys/devices/cpu_core/cpus"))) or set(online) - slow or set(online)
    nodes = _nodes(host)
    cores: dict[tuple[int, ...], Core] = {}
    for cpu in online:
        if cpu not in siblings:
            return []
        folder, cpus = f"{CPUS}/cpu{cpu}", siblings[cpu]
        package = host.value(f"{folder}/topology/physical_package_id", "0")
        shared = parse_list(host.value(f"{folder}/cache/index3/shared_cpu_list"))
        number = int(package) if is_number(package) else 0
        size = _size(host.value(f"{folder}/cache/index3/size"))
        cores.setdefault(cpus, Core(cpus, number, min(shared, default=-1), nodes.get(cpu, 0), cpus[0] in fast, size))
    return sorted(cores.values(), key=lambda core: core.cpus)


def _size(text: str) -> int:
    """Bytes of `98304K` (drivers/base/cacheinfo.c, size_show)."""
    number = text.removesuffix("K")
    return int(number) << 10 if is_number(number) and len(number) < 10 else 0


def _online(host: Host) -> tuple[int, ...]:
    """The CPUs that run; in a tree without the list, those with a folder that does not say otherwise."""
    listed = parse_list(host.value(f"{CPUS}/online"))
    if listed:
        return listed
    numbers = [int(name[3:]) for name in host.names(CPUS) if name.startswith("cpu") and is_number(name[3:])]
    return tuple(sorted(number for number in numbers if host.value(f"{CPUS}/cpu{number}/online", "1") != "0"))


def _siblings(host: Host, online: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    """CPU -> the running CPUs of its core: as listed, else those of the same package, die and core number."""
    found: dict[int, tuple[int, ...]] = {}
    places: dict[tuple[str, ...], list[int]] = {}
    for cpu in online:
        folder = f"{CPUS}/cpu{cpu}/topology"
        listed = parse_list(host.value(f"{folder}/thread_siblings_list") or host.value(f"{folder}/core_cpus_list"))
        core = host.value(f"{folder}/core_id")
        if cpu in listed:
            found[cpu] = tuple(each for each in listed if each in online)
        elif core:
            place = (host.value(f"{folder}/physical_package_id"), host.value(f"{folder}/die_id"), core)
            places.setdefault(place, []).append(cpu)
    return found | {cpu: tuple(cpus) for cpus in places.values() for cpu in cpus}


def _nodes(host: Host) -> dict[int, int]:
    found = {}
    for name in host.list(NODES):
        if name.startswith("node") and is_number(name[4:]):
            for cpu in parse_list(host.value(f"{NODES}/{name}/cpulist")):
                found[cpu] = int(name[4:])
    return found


def _cpuinfo(host: Host) -> list[dict[str, str]]:
    blocks = []
    for block in host.text(CPUINFO).split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        found = {name.strip(): value.strip() for name, _, value in pairs}
        if "processor" in found:
            blocks.append(found)
    return blocks


def _from_cpuinfo(info: list[dict[str, str]]) -> list[Core]:
    """By core numbers; where there are none, or fewer entries than siblings, by the counts that an entry gives."""
    counted = _counted(info)
    if counted:
        return counted
    cores: dict[tuple[str, str], list[int]] = {}
    for block in info:
        if is_number(block["processor"]):
            place = (block.get("physical id", "0"), block.get("core id", block["processor"]))
            cores.setdefault(place, []).append(int(block["processor"]))
    ordered = sorted(cores.items(), key=lambda item: item[1])
    return [Core(tuple(cpus), int(place[0]) if is_number(place[0]) else 0, -1, 0) for place, cpus in ordered]


def _counted(info: list[dict[str, str]]) -> list[Core]:
    """`siblings` over `cpu cores` threads a core, first threads first, as Linux numbers them on most machines."""
    first = info[0] if info else {}
    count, cores = (
        int(first.get(key, "")) if is_number(first.get(key, "")) else 0 for key in ("siblings", "cpu cores")
    )
    whole = len(info) >= count and all("core id" in block for block in info)
    if whole or not 0 < cores <= count <= MOST_COUNTED or count % cores or len(info) > count:
        return []
    return [Core(tuple(range(core, count, cores)), 0, -1, 0) for core in range(cores)]


def memory(host: Host) -> int | None:
    """The machine's memory in bytes as the kernel counts it (MemTotal), None when unknown."""
    return _meminfo(host, "MemTotal")


def huge_page(host: Host) -> int:
    """The default size of a huge page in bytes; 2 MiB where the kernel does not say."""
    return _meminfo(host, "Hugepagesize") or 2 << 20


def available(host: Host) -> int | None:
    """The memory in bytes that programs can still have (MemAvailable), None when unknown."""
    return _meminfo(host, "MemAvailable")


def free_huge_pages(host: Host) -> int:
    """The bytes in huge pages of the default size that nobody has."""
    count = (_meminfo(host, "HugePages_Free") or 0) // 1024  # a number of pages, not kB
    return count * huge_page(host)


def _meminfo(host: Host, name: str) -> int | None:
    for line in host.text(MEMINFO).splitlines():
        key, _, value = line.partition(":")
        number = value.split()[:1]
        if key == name and number and is_number(number[0]):
            return int(number[0]) * 1024
    return None
