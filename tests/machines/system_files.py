"""Processor, memory, users and distribution: /proc, /sys/devices/system, /etc."""

from __future__ import annotations

from tests.machines.parts import Cpu, Machine, Tree

PASSWD = (
    "root:x:0:0:root:/root:/bin/bash",
    "libvirt-qemu:x:64055:108:Libvirt Qemu,,,:/var/lib/libvirt:/usr/sbin/nologin",
    "user:x:1000:1000:user,,,:/home/user:/bin/bash",
)
GROUPS = {
    "root": (0, ""),
    "sudo": (27, "user"),
    "video": (44, ""),
    "input": (105, ""),
    "kvm": (108, ""),
    "libvirt": (109, "user"),
    "user": (1000, ""),
}
BOOT_ID = "5b0f3c1e-7a52-4a6c-9d8f-2f1f6f0a4e11"


def spans(cpus: tuple[int, ...]) -> str:
    """CPU numbers as the kernel lists them: `0-3,8`."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][-1] + 1:
            runs[-1].append(cpu)
        else:
            runs.append([cpu])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _cpuinfo(cpu: Cpu) -> str:
    cores = list(dict.fromkeys(cpu.siblings))
    blocks = []
    for number, siblings in enumerate(cpu.siblings):
        lines = {
            "processor\t": number,
            "vendor_id\t": cpu.vendor,
            "cpu family\t": cpu.family,
            "model\t\t": cpu.model,
            "model name\t": cpu.model_name,
            "physical id\t": 0,
            "siblings\t": len(cpu.siblings),
            "core id\t\t": cores.index(siblings),
            "cpu cores\t": len(cores),
            "flags\t\t": cpu.flags,
            "address sizes\t": "39 bits physical, 48 bits virtual"
            if cpu.vendor == "GenuineIntel"
            else "48 bits physical, 48 bits virtual",
        }
        blocks.append("".join(f"{name}: {value}\n" for name, value in lines.items()))
    return "\n".join(blocks) + "\n"


def write_cpu(machine: Machine, tree: Tree) -> None:
    """/proc/cpuinfo and the topology (Documentation/admin-guide/cputopology.rst)."""
    cpu = machine.cpu
    tree["proc/cpuinfo"] = _cpuinfo(cpu)
    base = "sys/devices/system/cpu"
    every = tuple(range(len(cpu.siblings)))
    for name in ("online", "present", "possible"):
        tree[f"{base}/{name}"] = spans(every) + "\n"
    cores = list(dict.fromkeys(cpu.siblings))
    for number, siblings in enumerate(cpu.siblings):
        topology = f"{base}/cpu{number}/topology"
        tree[f"{topology}/thread_siblings_list"] = spans(siblings) + "\n"
        tree[f"{topology}/core_id"] = f"{cores.index(siblings)}\n"
        tree[f"{topology}/physical_package_id"] = "0\n"
        shared = next(each for each in cpu.l3 if number in each)
        cache = f"{base}/cpu{number}/cache/index3"
        tree[f"{cache}/level"] = "3\n"
        tree[f"{cache}/size"] = cpu.l3_size + "\n"
        tree[f"{cache}/shared_cpu_list"] = spans(shared) + "\n"
    if cpu.efficient:
        tree["sys/devices/cpu_core/cpus"] = cpu.performance + "\n"
        tree["sys/devices/cpu_atom/cpus"] = cpu.efficient + "\n"
    node = "sys/devices/system/node"
    tree[f"{node}/online"] = "0\n"
    tree[f"{node}/node0/cpulist"] = spans(every) + "\n"
    tree[f"{node}/node0/meminfo"] = f"Node 0 MemTotal:       {machine.memory_mib * 1024 - 262144} kB\n"


def write_memory(machine: Machine, tree: Tree) -> None:
    """/proc/meminfo (what firmware and kernel keep is missing from MemTotal) and the huge page pools."""
    total = machine.memory_mib * 1024 - 262144
    values = {
        "MemTotal": total,
        "MemFree": total // 3,
        "MemAvailable": total * 3 // 4,
        "SwapTotal": 2097148,
        "SwapFree": 2097148,
    }
    text = "".join(f"{name + ':':15} {value:>9} kB\n" for name, value in values.items())
    text += "".join(f"HugePages_{name + ':':6} {machine.hugepages:>7}\n" for name in ("Total", "Free"))
    text += "Hugepagesize:       2048 kB\n"
    tree["proc/meminfo"] = text
    pool = "sys/kernel/mm/hugepages/hugepages-2048kB"
    for name in ("nr_hugepages", "free_hugepages"):
        tree[f"{pool}/{name}"] = f"{machine.hugepages}\n"


def write_users(machine: Machine, tree: Tree) -> None:
    """/etc/passwd and /etc/group as a capture leaves them: the one person is called `user`."""
    tree["etc/passwd"] = "\n".join(PASSWD) + "\n"
    groups = {name: f"{name}:x:{number}:{members}" for name, (number, members) in GROUPS.items()}
    for name, members in machine.groups.items():
        groups[name] = f"{name}:x:{GROUPS[name][0]}:{members}"
    tree["etc/group"] = "\n".join(groups.values()) + "\n"


def write_distribution(machine: Machine, tree: Tree) -> None:
    """os-release, the kernel's release and configuration, the boot's id, the chassis."""
    about = machine.distribution
    lines = [
        f'PRETTY_NAME="{about.name}"',
        f'VERSION_ID="{about.version}"',
        f"VERSION_CODENAME={about.codename}",
        f"ID={about.id}",
    ]
    if about.like:
        lines.append(f"ID_LIKE={about.like}")
    tree["etc/os-release"] = "\n".join(lines) + "\n"
    tree["proc/sys/kernel/osrelease"] = about.kernel + "\n"
    tree["proc/sys/kernel/random/boot_id"] = BOOT_ID + "\n"
    tree[f"boot/config-{about.kernel}"] = about.config
    tree["sys/class/dmi/id/chassis_type"] = "10\n" if machine.laptop else "3\n"
    tree["dev/kvm"] = ""
    for holder in machine.holders:
        tree[f"proc/{holder.pid}/comm"] = holder.comm + "\n"
        tree[f"proc/{holder.pid}/status"] = f"Name:\t{holder.comm}\nUid:\t1000\t1000\t1000\t1000\n"
