"""What a good machine has: from the request and the host's facts to every value of its specification.

Everything that the host cannot do is left out and said; everything that was asked for and cannot be is refused."""

from __future__ import annotations

from collections.abc import Callable

from vdesk.model.errors import Refused, WrongUsage, problem
from vdesk.vm.facts import Facts
from vdesk.vm.spec import WINDOWS, Cpu, Evdev, Request
from vdesk.vm.words import parse_size, shown_size

GIB = 1 << 30
DEFAULT_MEMORY = (4 * GIB, 16 * GIB)
HOST_MEMORY = 2 * GIB
LEAST_HOST_MEMORY = GIB
DEFAULT_DISK = 64 * GIB
KEPT_CORES = 2
# In every QEMU since 3.1. Not evmcs (turns posted interrupts off), not avic (only where the hardware has it).
BASE_HYPERV = ("relaxed", "vapic", "spinlocks")
HYPERV = (*BASE_HYPERV, "vpindex", "runtime", "synic", "stimer", "frequencies", "tlbflush", "ipi")
NEEDS = {"synic": ("vpindex",), "stimer": ("vpindex", "synic"), "tlbflush": ("vpindex",), "ipi": ("vpindex",)}
# libvirt's versions (libvirt.org/news.html, formatdomain, kbase/secureboot)
EVDEV_SINCE = (7, 6)
OLDEST_LIBVIRT = EVDEV_SINCE
"""Takes all that is written here: firmware by its features is from 7.2, rotation_rate from 7.3, evdev from 7.4, its
grabToggle from 7.6."""
SHORT_SECURE_BOOT_SINCE = (8, 6)
MAXPHYSADDR_SINCE = (8, 7)
LIMIT_SINCE = (9, 3)
"""Before, and where the version is not known, the width itself is said, which is as old as the element."""
Say = Callable[[str], None]


# --- processor


def cpu(request: Request, facts: Facts, gpu: bool, say: Say) -> Cpu:
    """The virtual processor: what was asked for, or the physical cores but two with the host's threads per core."""
    threads = facts.topology.threads if facts.kvm else 1
    count = request.cpus if request.cpus is not None else _default_cpus(facts, threads, say)
    _check_cpus(count, facts)
    if threads < 2 or count % threads:
        threads = 1
    wide = gpu and facts.kvm and (facts.libvirt is None or facts.libvirt >= MAXPHYSADDR_SINCE)
    limits = (facts.libvirt or ()) >= LIMIT_SINCE
    return Cpu(
        count // threads,
        threads,
        passthrough=facts.kvm,
        topoext=facts.kvm and facts.topology.vendor == "amd" and threads > 1,
        migratable=not (gpu and facts.kvm),
        real_cache=gpu and facts.kvm,
        real_address_width=wide,
        address_limit=facts.address_limit if wide and limits else None,
        address_bits=facts.address_limit if wide and not limits else None,
    )


def _default_cpus(facts: Facts, threads: int, say: Say) -> int:
    cores = len(facts.topology.fast)
    if not cores:
        say("How many processors this machine has could not be read: the virtual one gets 2. Say --cpus to decide.")
        return 2
    wanted = max(1, cores - KEPT_CORES) * threads
    return min(max(2, wanted), facts.topology.cpus) if facts.topology.cpus > 1 else 1


def _check_cpus(count: int, facts: Facts) -> None:
    most = facts.topology.cpus
    limit = facts.capabilities.vcpus if facts.capabilities else None
    if count < 1:
        raise WrongUsage(
            problem(
                "usage.cpus",
                f"--cpus {count}: a machine has at least one",
                "it is a number of processors",
                "say 2 or more",
            )
        )
    if (most and count > most) or (limit and count > limit):
        raise Refused(
            problem(
                "vm.cpus",
                f"--cpus {count}: this machine has {most or limit} CPUs",
                "more virtual processors than real ones wait for each other",
                f"give it fewer, two cores stay here: --cpus {max(1, most - 2 * facts.topology.threads)}",
            )
        )


# --- memory


def memory(request: Request, facts: Facts, say: Say) -> int:
    """Bytes: what was asked for, or half of the host's, 4 to 16 GiB, whole GiB; Refused where less than 2 GiB stay."""
    if request.memory is None:
        return _default_memory(facts, say)
    wanted = parse_size(request.memory, "--memory")
    if request.hugepages and wanted % facts.huge_page:
        page = shown_size(facts.huge_page)
        raise WrongUsage(
            problem("usage.hugepages", f"--memory {request.memory} is no multiple of a huge page ({page})",
                    "with --hugepages the memory is made of whole ones", f"choose a multiple of {page}")
        )  # fmt: skip
    _check_memory(wanted, facts)
    return wanted


def _default_memory(facts: Facts, say: Say) -> int:
    least, most = DEFAULT_MEMORY
    if facts.memory is None:
        say("How much memory this machine has could not be read: the virtual one gets 4 GiB. Say --memory to decide.")
        return least
    size = min(most, max(least, facts.memory // 2)) // GIB * GIB
    _check_memory(size, facts, HOST_MEMORY)
    return size


def _check_memory(size: int, facts: Facts, kept: int = LEAST_HOST_MEMORY) -> None:
    if facts.memory is not None and size > facts.memory - kept:
        fitting = max(0, facts.memory - HOST_MEMORY) // GIB
        raise Refused(
            problem(
                "vm.memory",
                f"{shown_size(size)} of memory: this machine has {facts.memory / GIB:.1f} GiB",
                "a card handed over pins all of the guest's memory, so this machine would run out of it",
                f"give it less: --memory {fitting}GiB" if fitting else "use a machine with more memory",
            )
        )


# --- firmware, TPM, Hyper-V


def secure_boot(request: Request, os: str, facts: Facts, say: Say) -> bool:
    """Windows 11 implies it; elsewhere off unless asked for. Only Q35 has it."""
    if request.machine == "i440fx" and (request.secure_boot or os == "win11"):
        raise WrongUsage(
            problem(
                "usage.machine",
                "--machine i440fx has no Secure Boot" + (", which Windows 11 asks for" if os == "win11" else ""),
                "Secure Boot firmware is made for Q35 only",
                "leave --machine out",
            )
        )
    wanted = request.secure_boot if request.secure_boot is not None else os == "win11"
    listed = facts.firmware is None or any("secure-boot" in each.features for each in facts.firmware)
    possible = listed and not (facts.capabilities and facts.capabilities.secure_boot is False)
    return _possible(wanted, possible, request.secure_boot, "Secure Boot", "ovmf", os, say)


def secure_loader(secure: bool, facts: Facts) -> bool:
    """Whether Secure Boot has to be said at the loader too: before 8.6 its features alone do not turn it on."""
    return secure and facts.libvirt is not None and facts.libvirt < SHORT_SECURE_BOOT_SINCE


def check_libvirt(request: Request, facts: Facts, say: Say) -> None:
    """Refused where libvirt is too old for what was asked for; what it may refuse by itself is said."""
    if facts.libvirt is None or facts.libvirt >= OLDEST_LIBVIRT:
        return
    version, oldest = (".".join(map(str, each)) for each in (facts.libvirt, OLDEST_LIBVIRT))
    if request.evdev:
        raise Refused(
            problem("vm.old-libvirt", f"--evdev: libvirt {version} shares no keyboards as it is written here",
                    f"it does from {oldest} on", "upgrade the distribution, or leave --evdev out")
        )  # fmt: skip
    say(
        f"WARNING: libvirt {version} is older than {oldest}, and may refuse this definition or leave parts of it out."
        " See: vdesk check"
    )


def enrolled_keys(wanted: bool, os: str, facts: Facts, say: Say) -> bool:
    """Microsoft's keys come with Secure Boot where a firmware has them enrolled (Arch's has none): libvirt finds no
    firmware for a feature that none has."""
    if not wanted or facts.firmware is None or any(each.secure for each in facts.firmware):
        return wanted
    say(
        "Left out: Microsoft's keys for Secure Boot, which no firmware here has enrolled. Secure Boot checks nothing"
        " until keys are enrolled in the guest's firmware setup (Esc at its start: Device Manager, Secure Boot"
        " Configuration)."
    )
    if os == "win11":
        say("The Setup of Windows 11 asks for a machine that can have Secure Boot, not for one that has it on.")
    return False


def tpm(request: Request, os: str, facts: Facts, say: Say) -> bool:
    """Windows 11 implies a TPM 2.0; elsewhere on when asked for."""
    wanted = request.tpm if request.tpm is not None else os == "win11"
    if os == "win11" and not wanted:
        say("Without a TPM the Setup of Windows 11 ends with `This PC can't run Windows 11`.")
    possible = not (facts.capabilities and facts.capabilities.tpm is False)
    return _possible(wanted, possible, request.tpm, "a TPM 2.0", "swtpm swtpm-tools", os, say)


def _possible(wanted: bool, possible: bool, asked: bool | None, what: str, package: str, os: str, say: Say) -> bool:
    if not wanted or possible:
        return wanted
    remedy = f"install it with: sudo apt install {package}"
    if asked:
        raise Refused(
            problem("vm.firmware", f"this machine cannot give a guest {what}", "libvirt does not offer it", remedy)
        )
    say(f"Left out: {what}, which this machine does not offer. The Setup of Windows 11 will ask for it: {remedy}")
    return False


def check_firmware(facts: Facts) -> None:
    """Refused when libvirt knows no UEFI firmware for guests."""
    if facts.capabilities and facts.capabilities.efi is False:
        raise Refused(
            problem("vm.firmware", "there is no UEFI firmware for virtual machines here", "libvirt found none",
                    "install it with: sudo apt install ovmf")
        )  # fmt: skip


def hyperv(os: str, facts: Facts) -> tuple[str, ...]:
    """The enlightenments that Windows uses, as far as this libvirt lists them, each with what it builds upon."""
    if os not in WINDOWS:
        return ()
    wanted = HYPERV if facts.kvm else BASE_HYPERV
    listed = facts.capabilities.hyperv if facts.capabilities else None
    have = [name for name in wanted if listed is None or name in listed]
    return tuple(name for name in have if all(each in have for each in NEEDS.get(name, ())))


def graphics(facts: Facts) -> str:
    """SPICE, or VNC where QEMU was built without it."""
    listed = facts.capabilities.graphics if facts.capabilities else None
    return "vnc" if listed is not None and "spice" not in listed and "vnc" in listed else "spice"


def evdev(request: Request, facts: Facts) -> tuple[Evdev, ...]:
    """Every keyboard and mouse by id, when asked for; Refused when there is none."""
    if not request.evdev:
        return ()
    if not any(keyboard for _, keyboard in facts.inputs):
        raise Refused(
            problem(
                "vm.evdev",
                "--evdev: no keyboard was found",
                "there is none in /dev/input/by-id",
                "plug in a USB keyboard, or leave --evdev out",
            )
        )
    return tuple(Evdev(path, keyboard) for path, keyboard in facts.inputs)
