"""A virtual machine, decided to the last element: plain data between policy (defaults) and spelling (domain_xml)."""

from __future__ import annotations

from dataclasses import dataclass

from vdesk.model.address import Address

WINDOWS = ("win10", "win11")
TITLES = {"win10": "Windows 10", "win11": "Windows 11"}


@dataclass(frozen=True)
class Request:
    """What the person asked for; None is "not said". Sizes in bytes, paths as given."""

    name: str
    iso: str
    os: str | None = None
    gpu: str = "auto"
    devices: tuple[Address, ...] = ()
    usb: tuple[str, ...] = ()
    cpus: int | None = None
    memory: str | None = None
    disk: str | None = None
    disk_format: str | None = None
    virtio_iso: str | None = None
    machine: str = "q35"
    network: str = "default"
    tpm: bool | None = None
    secure_boot: bool | None = None
    rom: str | None = None
    pin: bool = False
    hugepages: bool = False
    looking_glass: str | None = None
    evdev: bool = False
    unattended: str | None = None
    single_gpu: bool = False
    force: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cpu:
    """The virtual processor: one socket; `passthrough` False where only emulation is at hand. The width of addresses
    is the host's, at most `address_limit`, or `address_bits` outright where libvirt knows no limit yet."""

    cores: int
    threads: int
    passthrough: bool = True
    topoext: bool = False
    migratable: bool = True
    real_cache: bool = False
    real_address_width: bool = False
    address_limit: int | None = None
    address_bits: int | None = None

    @property
    def count(self) -> int:
        """vCPUs."""
        return self.cores * self.threads


@dataclass(frozen=True)
class Pinning:
    """vCPU number -> CPU of the host, and the CPUs that the host keeps (for QEMU's own threads too)."""

    cpus: tuple[int, ...]
    host: tuple[int, ...]


@dataclass(frozen=True)
class Disk:
    """The system disk; `create` is its size in bytes when vdesk makes the file, None for one that exists. `direct`:
    whether it can be opened past the page cache."""

    path: str
    block: bool
    format: str
    bus: str
    create: int | None = None
    direct: bool = True


@dataclass(frozen=True)
class Function:
    """A PCI function of the host and its place in the guest: `port` the root port, or the slot on i440fx. `identity`
    says which device is meant (`vendor:device subvendor:subdevice`), should the address be another's one day."""

    address: Address
    port: int
    function: int = 0
    multifunction: bool = False
    rom: str | None = None
    identity: str = ""


@dataclass(frozen=True)
class Usb:
    """A USB device by its ids, four hex digits each."""

    vendor: str
    product: str


@dataclass(frozen=True)
class Evdev:
    """An input device of the host, shared with the guest: `keyboard` takes all other devices with it when toggled."""

    path: str
    keyboard: bool


@dataclass(frozen=True)
class Spec:
    """The whole machine. `secure_loader`: Secure Boot is said at the loader too, for an older libvirt."""

    name: str
    uuid: str
    mac: str
    os: str
    kvm: bool
    machine: str
    memory: int
    cpu: Cpu
    disk: Disk
    install_disc: str
    drivers_disc: str | None
    answer_disc: str | None
    network: str
    nic: str
    secure_boot: bool
    tpm: bool
    hyperv: tuple[str, ...]
    graphics: str
    gpu: Address | None = None
    functions: tuple[Function, ...] = ()
    ports: int = 0
    enrolled_keys: bool = False
    usb: tuple[Usb, ...] = ()
    pinning: Pinning | None = None
    hugepages: bool = False
    shared_memory: int | None = None
    evdev: tuple[Evdev, ...] = ()
    stops_desktop: bool = False
    secure_loader: bool = False

    @property
    def windows(self) -> bool:
        """Whether the guest is a Windows."""
        return self.os in WINDOWS

    @property
    def iothread(self) -> bool:
        """Whether there is a thread for disks: the SCSI disk's, and with pinning also for one that it becomes later."""
        return self.disk.bus == "scsi" or self.pinning is not None

    @property
    def pcie(self) -> bool:
        """Whether the machine has PCI Express (q35)."""
        return self.machine == "q35"
