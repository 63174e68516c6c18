"""libvirt: the only file that imports it, and only when a command needs it. Every call has a time limit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from vdesk.host.host import Host
from vdesk.host.libvirt_limit import LibvirtError, Result, limited
from vdesk.host.libvirt_uri import refuse
from vdesk.model.errors import Refused, VdeskError, problem

SYSTEM = "qemu:///system"
SECONDS = 30.0
FAR_SECONDS = 120.0
"""Over ssh a person may be asked for a passphrase."""
ASK_SECONDS = 300.0
"""Capabilities and definitions: libvirt probes QEMU the first time, seen to take 20 s under emulation."""
STATES = {
    0: "no state",
    1: "running",
    2: "blocked",
    3: "paused",
    4: "shutting down",
    5: "shut off",
    6: "crashed",
    7: "suspended",
}
AGENT = re.compile(r"<target [^<>]*name='org\.qemu\.guest_agent\.0'[^<>]*state='connected'")
ENTER = 28  # linux/input-event-codes.h


class Domain(NamedTuple):
    """A virtual machine as libvirt lists it; `active` while it runs, `xml` its definition."""

    name: str
    uuid: str
    state: str
    active: bool
    xml: str


def library() -> Any:
    """The libvirt module, its habit of printing errors turned off; Refused when it is not installed."""
    try:
        import libvirt
    except ImportError as error:
        raise Refused(
            problem(
                "libvirt.missing",
                "the Python module libvirt is not installed",
                str(error),
                "install it with: sudo apt install python3-libvirt (or: pip install libvirt-python)",
            )
        ) from error
    libvirt.registerErrorHandler(_silent, None)
    return libvirt


def _silent(context: object, error: object) -> None:
    """libvirt prints every error to stderr by itself; vdesk says it in its own words."""


def is_far(uri: str) -> bool:
    """Whether libvirt's address names a host (libvirt.org/uri.html): `qemu+ssh://user@host/system`."""
    return bool(urlsplit(uri).netloc)


class Libvirt:
    """One connection. Machines are named by their names; what comes back is plain data."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._lib = library()
        seconds = FAR_SECONDS if is_far(uri) else SECONDS
        try:
            self._conn = limited(f"connect to {uri}", seconds, lambda: self._lib.open(uri))
        except VdeskError as error:
            raise Refused(
                problem(
                    "libvirt.unreachable",
                    f"libvirt does not answer at {uri}",
                    error.problems[0].cause,
                    f"does this answer: virsh -c {uri} list"
                    if is_far(uri)
                    else "is the daemon there, and may you use it? sudo systemctl start libvirtd.socket (or virtqemud)",
                )
            ) from error

    def _do(
        self,
        what: str,
        call: Callable[[], Result],
        seconds: float = SECONDS,
        waiting: Callable[[float], None] | None = None,
    ) -> Result:
        return limited(what, seconds, call, waiting)

    # --- what there is
    @property
    def mock(self) -> bool:
        """Whether this is libvirt's test driver, which runs nothing."""
        return self.uri.startswith(("test:", "test+"))

    @property
    def far(self) -> bool:
        """Whether the address names a host: files, devices and memory of this machine then say nothing of a guest's."""
        return is_far(self.uri)

    def version(self) -> tuple[int, ...]:
        """libvirt's version at the other end."""
        number: int = self._do("version", self._conn.getLibVersion)
        return number // 1_000_000, number // 1000 % 1000, number % 1000

    def capabilities(self) -> str:
        """The host's capabilities (formatcaps)."""
        return str(self._do("capabilities", self._conn.getCapabilities, ASK_SECONDS))

    def domain_capabilities(self, machine: str, kind: str) -> str | None:
        """What a guest can have here (formatdomaincaps); None where the driver does not know such a thing."""
        try:
            ask = lambda: self._conn.getDomainCapabilities(None, "x86_64", machine, kind, 0)  # noqa: E731
            return str(self._do("domain capabilities", ask, ASK_SECONDS))
        except LibvirtError:
            return None

    def node_device(self, name: str) -> str | None:
        """A device of libvirt's own machine as XML (formatnode), None without one: `pci_0000_01_00_0`."""
        try:
            return str(self._do("look at a device", lambda: self._conn.nodeDeviceLookupByName(name).XMLDesc(0)))
        except LibvirtError:
            return None

    def domains(self) -> list[Domain]:
        """Every machine, running or not, by name."""
        return sorted(self._do("list the machines", lambda: [_plain(each) for each in self._conn.listAllDomains(0)]))

    def find(self, name: str) -> Domain | None:
        """The machine of that name, None without one."""
        return self._do(f"look for {name}", lambda: self._find(name))

    def _find(self, name: str) -> Domain | None:
        found = self._lookup(name)
        return None if found is None else _plain(found)

    def _lookup(self, name: str) -> Any:
        try:
            return self._conn.lookupByName(name)
        except self._lib.libvirtError as error:
            if error.get_error_code() == self._lib.VIR_ERR_NO_DOMAIN:
                return None
            raise

    # --- definitions
    def define(self, xml: str) -> None:
        """Define a machine; the XML is checked against libvirt's schema where the driver can."""
        flags = 0 if self.mock else self._lib.VIR_DOMAIN_DEFINE_VALIDATE
        self._do("define the machine", lambda: self._conn.defineXMLFlags(xml, flags), ASK_SECONDS)

    def undefine(self, name: str) -> None:
        """Remove a definition with its NVRAM, TPM state and saved state."""
        lib = self._lib
        flags = 0 if self.mock else lib.VIR_DOMAIN_UNDEFINE_NVRAM | lib.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        if not self.mock and self.version() >= (8, 9):
            flags |= getattr(lib, "VIR_DOMAIN_UNDEFINE_TPM", 32)
        self._do(f"undefine {name}", lambda: self._conn.lookupByName(name).undefineFlags(flags))

    def forget_install(self, name: str, mark: str, uri: str) -> None:
        """Replace vdesk's own metadata element of a machine; nothing else of its definition is touched."""
        kind, flags = self._lib.VIR_DOMAIN_METADATA_ELEMENT, self._lib.VIR_DOMAIN_AFFECT_CONFIG
        self._do(f"mark {name}", lambda: self._conn.lookupByName(name).setMetadata(kind, mark, "vdesk", uri, flags))

    def attach(self, name: str, xml: str, *, live: bool = True) -> None:
        """Add a device to the definition, and with `live` to the running machine."""
        self._do(f"attach to {name}", lambda: self._device(name, xml, "attachDeviceFlags", live=live))

    def detach(self, name: str, xml: str, *, live: bool = True) -> None:
        """Take a device out of the definition, and with `live` out of the running machine."""
        self._do(f"detach from {name}", lambda: self._device(name, xml, "detachDeviceFlags", live=live))

    def _device(self, name: str, xml: str, method: str, *, live: bool = True) -> None:
        domain = self._conn.lookupByName(name)
        flags = self._lib.VIR_DOMAIN_AFFECT_CONFIG
        if live and domain.isActive():
            flags |= self._lib.VIR_DOMAIN_AFFECT_LIVE
        getattr(domain, method)(xml, flags)

    # --- life
    def start(self, name: str, seconds: float, waiting: Callable[[float], None] | None = None) -> None:
        """Start a machine; its hooks run meanwhile."""
        self._do(f"start {name}", lambda: self._conn.lookupByName(name).create(), seconds, waiting)

    def start_once(
        self, name: str, edit: Callable[[str], str], seconds: float, waiting: Callable[[float], None] | None = None
    ) -> None:
        """Start a machine this once with an edited definition; the one that is kept stays as it is (virDomainCreateXML
        of a machine that is defined)."""
        flags = self._lib.VIR_DOMAIN_XML_INACTIVE | self._lib.VIR_DOMAIN_XML_SECURE

        def create() -> None:
            self._conn.createXML(edit(self._conn.lookupByName(name).XMLDesc(flags)), 0)

        self._do(f"start {name}", create, seconds, waiting)

    def shutdown(self, name: str) -> None:
        """Ask the guest to shut down: by its agent where it answers, and by the power button."""
        self._do(f"shut down {name}", lambda: self._conn.lookupByName(name).shutdownFlags(0))

    def destroy(self, name: str) -> None:
        """Take the power away."""
        self._do(f"stop {name}", lambda: self._conn.lookupByName(name).destroyFlags(0))

    def reset(self, name: str) -> None:
        """Begin again from the firmware, as by the reset button (virDomainReset)."""
        self._do(f"reset {name}", lambda: self._conn.lookupByName(name).reset(0))

    def agent_answers(self, name: str) -> bool:
        """Whether the guest's agent is connected: its programs run, so its system is installed and up."""
        text = self._do(f"look at {name}", lambda: str(self._conn.lookupByName(name).XMLDesc(0)))
        return AGENT.search(text) is not None

    def update(self, name: str, xml: str) -> None:
        """Change a device, an empty disc drive for a full one, in the definition and in the running machine."""
        self._do(f"change {name}", lambda: self._device(name, xml, "updateDeviceFlags"))

    def press_enter(self, name: str) -> None:
        """One press of Enter on the guest's keyboard."""
        codeset = self._lib.VIR_KEYCODE_SET_LINUX
        self._do("press a key", lambda: self._conn.lookupByName(name).sendKey(codeset, 50, [ENTER], 1, 0))

    # --- networks
    def network(self, name: str) -> tuple[bool, bool] | None:
        """Whether a network is active and whether it starts with the machine; None when there is none of that name."""
        return self._do(f"look for network {name}", lambda: self._network(name))

    def _network(self, name: str) -> tuple[bool, bool] | None:
        try:
            found = self._conn.networkLookupByName(name)
        except self._lib.libvirtError as error:
            if error.get_error_code() == self._lib.VIR_ERR_NO_NETWORK:
                return None
            raise
        return bool(found.isActive()), bool(found.autostart())

    def networks(self) -> list[str]:
        """The names of all networks."""
        return sorted(self._do("list the networks", lambda: [each.name() for each in self._conn.listAllNetworks(0)]))

    def start_network(self, name: str) -> None:
        """Bring a network up."""
        self._do(f"start network {name}", lambda: self._conn.networkLookupByName(name).create())

    def stop_network(self, name: str) -> None:
        """Take a network down."""
        self._do(f"stop network {name}", lambda: self._conn.networkLookupByName(name).destroy())

    def autostart_network(self, name: str, on: bool) -> None:
        """Whether a network starts with the machine."""
        self._do(f"autostart of network {name}", lambda: self._conn.networkLookupByName(name).setAutostart(int(on)))


def _plain(domain: Any) -> Domain:
    active = bool(domain.isActive())
    return Domain(
        domain.name(), domain.UUIDString(), STATES.get(domain.state()[0], "unknown"), active, domain.XMLDesc(2)
    )


def connect(host: Host, uri: str) -> Libvirt:
    """The connection of a URI, opened once per host object (test:/// forgets all when it is closed). Refused for one
    that a record names and that does more than connect."""
    refuse(host, uri)
    kept: dict[str, Libvirt] = host.memory.setdefault("libvirt", {})
    if uri not in kept:
        kept[uri] = Libvirt(uri)
    return kept[uri]
