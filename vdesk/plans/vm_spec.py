"""What a machine will be: from a request and the host's facts to a specification and its XML. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vdesk.changes.drivers import identity as device_identity
from vdesk.host import Host, media
from vdesk.host.libvirt_conn import Libvirt
from vdesk.host.virtio_iso import SOURCE, find_virtio_iso
from vdesk.model.address import Address
from vdesk.model.errors import Problem, Refused, WrongUsage, problem
from vdesk.model.near import did_you_mean
from vdesk.plans import single_gpu, vm_devices, vm_discs, vm_disks, vm_places, vm_rom, vm_usb
from vdesk.plans.vm_devices import Choose, Given
from vdesk.vm import defaults, identity, layout, pinning, words
from vdesk.vm.capabilities import has_kvm
from vdesk.vm.domain_xml import domain_xml
from vdesk.vm.facts import Answers, Facts, read_facts
from vdesk.vm.install_media import guess_os
from vdesk.vm.spec import WINDOWS, Cpu, Function, Pinning, Request, Spec

BESIDE = ".vdesk-0123456789abcdef"
IMAGES_REMEDY = "move it to /var/lib/libvirt/images, or let QEMU in: sudo setfacl -m u:libvirt-qemu:x"


@dataclass
class Created:
    """What create decided: the specification, its XML, and sentences for the person."""

    spec: Spec
    xml: str
    notes: list[str] = field(default_factory=list)


def decide(host: Host, request: Request, libvirt: Libvirt | None = None, choose: Choose | None = None) -> Created:
    """The whole specification; WrongUsage and Refused before anything is written."""
    words.check_name(request.name)
    for text in request.usb:
        words.parse_usb(text)
    shared = (
        words.shared_memory(*words.parse_resolution(request.looking_glass))
        if request.looking_glass is not None
        else None
    )
    notes: list[str] = []
    say = notes.append
    discs = _Discs(host, request, say)
    facts = read_facts(host, _ask(libvirt, host, request.machine))
    defaults.check_firmware(facts)
    defaults.check_libvirt(request, facts, say)
    secure_boot = defaults.secure_boot(request, discs.os, facts, say)
    gives = vm_devices.given(host, request, choose)
    places = _places(host, request, gives, say)
    cpu = defaults.cpu(request, facts, bool(gives.all), say)
    virtio = vm_discs.virtio(discs.drivers, discs.os, say)
    spec = Spec(
        name=request.name,
        uuid=identity.machine_uuid(facts.seed, request.name, _uuids(libvirt)),
        mac=identity.mac_address(facts.seed, request.name),
        os=discs.os,
        kvm=facts.kvm,
        machine="q35" if request.machine == "q35" else "pc",
        memory=defaults.memory(request, facts, say),
        cpu=cpu,
        disk=vm_disks.disk_of(host, request, "scsi" if virtio else "sata"),
        install_disc=discs.install.path,
        drivers_disc=discs.drivers.path if discs.drivers else None,
        answer_disc=discs.answer,
        network=_network(request.network, libvirt),
        nic="virtio" if virtio else "e1000e",
        secure_boot=secure_boot,
        enrolled_keys=defaults.enrolled_keys(secure_boot, discs.os, facts, say),
        tpm=defaults.tpm(request, discs.os, facts, say),
        hyperv=defaults.hyperv(discs.os, facts),
        graphics=defaults.graphics(facts),
        pinning=_pinning(request, facts, cpu, gives, say),
        hugepages=request.hugepages,
        usb=gives.usb,
        shared_memory=shared,
        evdev=defaults.evdev(request, facts),
        gpu=places.gpu,
        functions=tuple(replace(each, identity=device_identity(host, str(each.address))) for each in places.functions),
        ports=layout.ports(places.functions) if request.machine == "q35" else 0,
        stops_desktop=gives.single_gpu,
        secure_loader=defaults.secure_loader(secure_boot, facts),
    )
    if spec.tpm:
        words.check_room(spec.name, "-swtpm.log")
    if gives.single_gpu:
        single_gpu.announce(host, request.name, say)
    _warn(spec, gives, say)
    if spec.kvm and facts.no_virtualization:
        say("The processor offers neither VT-x nor AMD-V: the machine does not start before it is on. See: vdesk check")
    return Created(spec, domain_xml(spec), notes)


def _ask(libvirt: Libvirt | None, host: Host, machine: str) -> Answers:
    """What libvirt says; the test driver has other machines in mind than this one."""
    if libvirt is None or libvirt.mock or not host.is_live:
        return Answers()
    alias, offered = "q35" if machine == "q35" else "pc", libvirt.capabilities()
    kind = "kvm" if host.exists("dev/kvm") and has_kvm(offered) else "qemu"
    return Answers(libvirt.domain_capabilities(alias, kind), offered, libvirt.version())


def _uuids(libvirt: Libvirt | None) -> frozenset[str]:
    return frozenset(each.uuid for each in libvirt.domains()) if libvirt else frozenset()


class _Discs:
    """The discs of a machine, and the guest system that they tell."""

    def __init__(self, host: Host, request: Request, say: defaults.Say) -> None:
        self.host = host
        self.install = media.find(host, request.iso, "--iso")
        disc = self._disc(self.install, "--iso", say)
        guess = guess_os(self.install, disc)
        self.os = request.os or guess.os
        if request.os is None and not guess.sure:
            say(f"The guest is taken to be {guess.os}: {guess.why}. Say --os to decide.")
        elif request.os and guess.sure and guess.os != request.os:
            say(f"--os {request.os} is taken, although {guess.why}.")
        vm_discs.told(self.install, disc, say)
        self.drivers = self._drivers(request, say)
        self.answer = self._answers(request)
        self._reachable(say)

    def _disc(self, found: media.Media, option: str, say: defaults.Say) -> media.Disc:
        disc = media.read_disc(found)
        if disc.iso:
            return disc
        refuse_no_disc(self.host, found, disc, option)
        say(f"{found.path} has no content here, so what is on it could not be looked at.")
        return disc

    def _drivers(self, request: Request, say: defaults.Say) -> media.Media | None:
        if request.virtio_iso is not None:
            found = media.find(self.host, request.virtio_iso, "--virtio-iso")
            self._disc(found, "--virtio-iso", say)
            return found
        if self.os not in WINDOWS:
            return None
        looked = find_virtio_iso(self.host, self.install, self.os)
        if looked is None:
            say(
                "No VirtIO drivers' disc was found, so the machine gets a SATA disk and an e1000e network card: "
                f"both slower. Get it from {SOURCE} into /var/lib/libvirt/images, or name it with --virtio-iso."
            )
        return looked

    def _answers(self, request: Request) -> str | None:
        if request.unattended is None:
            return None
        words.check_room(request.name, f"-unattended.iso{BESIDE}", ".")  # it is written beside, then renamed
        return f"{vm_places.IMAGES}/{request.name}-unattended.iso"

    def _reachable(self, say: defaults.Say) -> None:
        for each in (self.install, self.drivers):
            folder = media.closed_folder(self.host, each.path) if each and not each.here else None
            if each and folder:
                say(f"QEMU's user may not enter {folder}, so it cannot read {each.path}: {IMAGES_REMEDY} {folder}")


def refuse_no_disc(host: Host, found: media.Media, disc: media.Disc, option: str) -> None:
    """WrongUsage for a file that is no disc; a captured machine may have an empty one in its place."""
    if not disc.iso and (host.is_live or (found.size >= media.ISO_HEAD and not disc.blank)):
        raise WrongUsage(
            problem(
                "usage.no-iso",
                f"{option}: {found.path} is not a disc image",
                "neither an ISO 9660 nor a UDF volume begins in it",
                "download it again, and compare its size and checksum with the publisher's",
            )
        )


def _network(name: str, libvirt: Libvirt | None) -> str:
    if not name or not name.isprintable() or "/" in name:
        raise WrongUsage(_no_network(name, "a network has a name without / and control characters"))
    if libvirt is not None and libvirt.network(name) is None:
        raise WrongUsage(_no_network(name, "libvirt knows no network of that name", libvirt.networks()))
    return name


def _no_network(name: str, cause: str, known: Sequence[str] = ()) -> Problem:
    remedy = f"{did_you_mean(name, known)}list them with: virsh net-list --all"
    return problem("usage.network", f"--network: there is no network {name!r}", cause, remedy)


def _pinning(request: Request, facts: Facts, cpu: Cpu, gives: Given, say: defaults.Say) -> Pinning | None:
    if not request.pin:
        return None
    node = gives.gpu[0].numa_node if gives.gpu else -1
    found = pinning.pin(facts.topology, cpu.count, cpu.threads, node)
    if found is None:
        limit = pinning.most(facts.topology)
        raise Refused(
            problem(
                "vm.pin",
                f"--pin: {cpu.count} vCPUs do not fit on the cores that can be given away",
                "two whole cores stay with this machine, or it cannot serve the virtual one",
                f"say --cpus {limit} or less, or leave --pin out" if limit else "leave --pin out",
            )
        )
    sentence = pinning.said(facts.topology, found, node)
    if sentence:
        say(sentence)
    return found


@dataclass(frozen=True)
class _Places:
    gpu: Address | None
    functions: tuple[Function, ...]


def _places(host: Host, request: Request, gives: Given, say: defaults.Say) -> _Places:
    """The given devices in the guest."""
    if request.rom is not None and not gives.gpu:
        raise WrongUsage(
            problem(
                "usage.rom",
                "--rom without a graphics card",
                "the ROM is the card's",
                "name the card with --gpu, or leave it out",
            )
        )
    rom = vm_rom.path(host, request.rom, gives.gpu[0], say) if request.rom is not None else None
    card, others = ([each.address for each in devices] for devices in (gives.gpu, gives.devices))
    return _Places(card[0] if card else None, layout.place(card, others, rom, pcie=request.machine == "q35"))


def _warn(spec: Spec, gives: Given, say: defaults.Say) -> None:
    if not spec.kvm:
        say(
            "WARNING: there is no KVM here, so this machine is emulated (type qemu): 10 to 50 times slower, for "
            "trying out only. Turn on VT-x or AMD-V (SVM) in the firmware's setup, and see: vdesk check"
        )
    if spec.shared_memory and spec.graphics != "spice":
        say(
            "QEMU has no SPICE here: Looking Glass has no keyboard, mouse and sound. Install qemu-system-modules-spice."
        )
    if not spec.disk.direct:
        say(
            f"{spec.disk.path} is on a file system without direct access (O_DIRECT), so the disk goes through this"
            " machine's page cache: it is slower, and takes memory twice."
        )
    for sentence in gives.overridden:
        say(sentence)
    for usb in gives.unplugged:
        say(vm_usb.UNPLUGGED.format(ids=f"{usb.vendor}:{usb.product}"))
    if not gives.gpu:
        say("The machine gets no graphics card of this host.")
