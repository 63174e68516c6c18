"""What a machine is made of, as the tests describe one: plain data, read by the writers of a captured tree."""

from __future__ import annotations

from dataclasses import dataclass, field


class Link(str):
    """The text of a symbolic link."""


Content = str | bytes | Link | None
Tree = dict[str, Content]
"""Path below the root -> text, bytes, a link, or None for an empty folder."""


@dataclass(frozen=True)
class Pci:
    """One PCI function. `behind` is the bridge above it, "" the root bus; `group` None: the kernel gave it none."""

    address: str
    ids: str
    pci_class: str
    driver: str | None = None
    group: int | None = None
    behind: str = ""
    subsystem: str = ""
    boot_vga: bool | None = None
    reset: str = ""
    revision: str = "00"
    numa: int = -1
    rom: bytes | None = None
    control: str = "on"
    power: str = "D0"
    vfs: tuple[int, int] | None = None
    """sriov_totalvfs and sriov_numvfs of a physical function."""

    @property
    def name(self) -> str:
        """The address with its domain."""
        return self.address if self.address.count(":") == 2 else f"0000:{self.address}"

    @property
    def is_bridge(self) -> bool:
        """PCI-to-PCI bridges and root ports."""
        return self.pci_class.startswith("0604")


@dataclass(frozen=True)
class Card:
    """A DRM card: `connectors` name -> (status, enabled). `framebuffer` is the name of its fbdev, "" for none."""

    number: int
    device: str
    connectors: dict[str, tuple[str, str]] = field(default_factory=dict)
    framebuffer: str = ""
    render: int | None = None


@dataclass(frozen=True)
class Disk:
    """A block device. `under` is the folder of its controller's part of sysfs, relative to the PCI function."""

    name: str
    device: str
    under: str
    number: str
    sectors: int
    partitions: tuple[tuple[str, str, int], ...] = ()
    """(name, major:minor, sectors)"""
    removable: bool = False


@dataclass(frozen=True)
class Stacked:
    """A block device made of others: dm (crypt, LVM) or md (RAID)."""

    name: str
    number: str
    slaves: tuple[str, ...]
    sectors: int
    label: str = ""
    """The device mapper's name, as below /dev/mapper."""
    uuid: str = ""
    level: str = ""
    """The level of an md device: raid1."""


@dataclass(frozen=True)
class Mount:
    """A line of the mount table."""

    number: str
    source: str
    point: str
    kind: str = "ext4"
    options: str = "rw,relatime"


@dataclass(frozen=True)
class Nic:
    """A network interface; `device` "" is a virtual one. `kind` is `bridge` or `bond` with `members`."""

    name: str
    device: str = ""
    kind: str = ""
    members: tuple[str, ...] = ()
    up: bool = True
    default: bool = False
    wireless: bool = False


@dataclass(frozen=True)
class Usb:
    """A USB device with the input devices it makes; `port` such as `1-3` below the controller's bus."""

    controller: str
    port: str
    ids: str
    product: str
    inputs: tuple[str, ...] = ()
    """`kbd`, `mouse` or `kbd-media` (handlers only, no typing)."""


@dataclass(frozen=True)
class Cpu:
    """The processor: `threads` lists (core id, L3 id, first-thread-of-core siblings) for each logical CPU in order."""

    vendor: str
    model_name: str
    family: int
    model: int
    flags: str
    siblings: tuple[tuple[int, ...], ...]
    """For every logical CPU the CPUs that share its core, itself included."""
    l3: tuple[tuple[int, ...], ...]
    """The CPUs that share a last-level cache, once per cache."""
    performance: str = ""
    efficient: str = ""
    l3_size: str = "8192K"


@dataclass(frozen=True)
class Holder:
    """A process with device nodes open."""

    pid: int
    comm: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Software:
    """What is installed: programs, and recorded answers (argv -> stdout, or exit code, stdout and stderr)."""

    programs: tuple[str, ...] = ()
    answers: dict[tuple[str, ...], str | tuple[int, str, str]] = field(default_factory=dict)
    firmware: tuple[str, ...] = ("40-edk2-x86_64-secure-enrolled", "50-edk2-x86_64-secure", "60-edk2-x86_64")
    files: dict[str, Content] = field(default_factory=dict)


@dataclass(frozen=True)
class Distribution:
    """`etc/os-release`, the kernel, and what GRUB of this distribution looks like."""

    id: str
    name: str
    version: str
    codename: str
    kernel: str
    vfio_built_in: bool = False
    config: str = ""
    quiet: str = "quiet splash"
    like: str = ""


@dataclass(frozen=True)
class Machine:
    """A whole machine. `iommu` is `dmar`, `ivrs` or "" (no table); `active` whether the kernel uses it."""

    title: str
    cpu: Cpu
    distribution: Distribution
    pci: tuple[Pci, ...]
    iommu: str = "dmar"
    active: bool = True
    cards: tuple[Card, ...] = ()
    disks: tuple[Disk, ...] = ()
    stacked: tuple[Stacked, ...] = ()
    mounts: tuple[Mount, ...] = ()
    swaps: tuple[str, ...] = ()
    nics: tuple[Nic, ...] = ()
    usb: tuple[Usb, ...] = ()
    ps2: bool = False
    memory_mib: int = 16384
    hugepages: int = 0
    arguments: str = ""
    """What was booted besides `ro quiet splash`."""
    configured: str | None = None
    """GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub; None: `quiet splash` and `arguments`."""
    drop_ins: dict[str, str] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    holders: tuple[Holder, ...] = ()
    software: Software = Software()
    groups: dict[str, str] = field(default_factory=dict)
    """Lines of /etc/group -> members, besides the usual ones."""
    laptop: bool = False
    files: Tree = field(default_factory=dict)
    """Anything else, last word."""
