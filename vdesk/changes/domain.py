"""DefineDomain, UndefineDomain: a machine's definition in libvirt. AutostartNetwork: its network is there at boot."""

from __future__ import annotations

from vdesk.changes import firmware_words
from vdesk.changes.change import DONE, SKIPPED, Ahead, Change, Progress, Record, changed_since
from vdesk.changes.domain_disks import refuse_used, stamps
from vdesk.host import Host
from vdesk.host.libvirt_conn import Domain, connect
from vdesk.model.errors import HostError, Refused, problem


def find(host: Host, uri: str, name: str) -> Domain | None:
    """The machine of that name at the URI."""
    return connect(host, uri).find(name)


def not_running(domain: Domain, what: str) -> None:
    """Refused while the machine runs."""
    if domain.active:
        raise Refused(
            problem(
                "vm.running",
                f"{domain.name} is running, so it is not {what}",
                "a running machine needs its definition and its disks",
                f"shut it down first: vdesk stop {domain.name}",
            )
        )


class DefineDomain(Change):
    """Define a new machine. `uri` None is a captured machine, which has no libvirt: nothing is defined there."""

    kind = "domain"

    def __init__(self, name: str, uuid: str, xml: str, uri: str | None) -> None:
        self.name, self.uuid, self.xml, self.uri = name, uuid, xml, uri
        self.target, self.summary = name, f"define the virtual machine {name}"

    def preview(self, host: Host) -> str:
        """The definition, as a diff from nothing."""
        lines = self.xml.splitlines()
        return f"--- /dev/null\n+++ {self.name}.xml\n@@ -0,0 +1,{len(lines)} @@\n" + "".join(
            f"+{line}\n" for line in lines
        )

    def check(self, host: Host) -> None:
        """No machine of that name has appeared since the plan was made."""
        if self.uri and find(host, self.uri, self.name):
            raise Refused(
                problem(
                    "vm.exists",
                    f"there is a virtual machine {self.name} already",
                    "another program has just defined it",
                    "choose another name, or look at it with: vdesk list",
                )
            )

    def record(self, host: Host) -> Record:
        """Where it is defined, by which name and UUID it is found again, and its disks as nobody has used them yet."""
        words = firmware_words.there(host, self.name)
        disks = stamps(host, self.xml)
        return {"name": self.name, "uuid": self.uuid, "uri": self.uri, "disks": disks, "words": words}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Define it."""
        if self.uri is None:
            return SKIPPED
        connect(host, self.uri).define(self.xml)
        return DONE

    def verify(self, host: Host) -> None:
        """libvirt has it."""
        found = find(host, self.uri, self.name) if self.uri else None
        if found is None or found.uuid != self.uuid:
            raise HostError(self.name, "libvirt does not list it", f"{self.name} was not defined")

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """What goes with the definition."""
        found = find(host, record["uri"], record["name"]) if record["uri"] else None
        return f"remove the definition of {record['name']}, its NVRAM and its TPM state\n" if found else ""

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """It is the machine that vdesk defined, it does not run, and no guest wrote to its disks."""
        found = find(host, record["uri"], record["name"]) if record["uri"] else None
        if found is None:
            return
        if found.uuid != record["uuid"]:
            raise changed_since(record["name"], "there is another virtual machine of that name now")
        not_running(found, "undefined")
        refuse_used(host, record, found)

    @classmethod
    def foresee(cls, host: Host, record: Record, ahead: Ahead) -> str:
        """What goes with the definition, also with one that a later `delete` gives back first."""
        deleted = ahead.get((UndefineDomain.kind, record["name"]))
        if deleted and deleted["uuid"] == record["uuid"]:
            refuse_used(host, record, Domain(record["name"], record["uuid"], "", False, deleted["xml"]))
        return super().foresee(host, record, ahead)

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Remove the definition, with its NVRAM and TPM state, and what its firmware has said since; disks are other
        changes."""
        if record["uri"] and find(host, record["uri"], record["name"]):
            connect(host, record["uri"]).undefine(record["name"])
        firmware_words.forget_new(host, record["uri"], record, progress)


class UndefineDomain(Change):
    """Remove a machine's definition with its NVRAM and TPM state; taking that back defines it anew without these."""

    kind = "undefine"

    def __init__(self, domain: Domain, uri: str) -> None:
        self.domain, self.uri = domain, uri
        self.target, self.summary = domain.name, f"remove the definition of {domain.name}, its NVRAM and its TPM state"

    def check(self, host: Host) -> None:
        """It is still the same machine, and it does not run."""
        found = find(host, self.uri, self.domain.name)
        if found is None or found.uuid != self.domain.uuid:
            raise changed_since(self.domain.name, "the machine is not the one that the plan was made for")
        not_running(found, "deleted")

    def record(self, host: Host) -> Record:
        """The whole definition."""
        return {"name": self.domain.name, "uuid": self.domain.uuid, "uri": self.uri, "xml": self.domain.xml}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Undefine it."""
        connect(host, self.uri).undefine(self.domain.name)
        return DONE

    def verify(self, host: Host) -> None:
        """libvirt does not list it any more."""
        if find(host, self.uri, self.domain.name):
            raise HostError(self.domain.name, "libvirt still lists it", f"{self.domain.name} was not removed")

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """The name is free, or the machine is there."""
        found = find(host, record["uri"], record["name"])
        if found and found.uuid != record["uuid"]:
            raise changed_since(record["name"], "there is another virtual machine of that name now")

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Define it again."""
        if find(host, record["uri"], record["name"]) is None:
            connect(host, record["uri"]).define(record["xml"])


class AutostartNetwork(Change):
    """A network of libvirt's comes up with the host: a machine cannot start without it."""

    kind = "network-autostart"

    def __init__(self, name: str, uri: str) -> None:
        self.name, self.uri = name, uri
        self.target, self.summary = name, f"let the network {name} start with this machine"

    def record(self, host: Host) -> Record:
        """Which network."""
        return {"name": self.name, "uri": self.uri}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Set it."""
        connect(host, self.uri).autostart_network(self.name, True)
        return DONE

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Unset it, where the network is still there."""
        connection = connect(host, record["uri"])
        if connection.network(record["name"]) is not None:
            connection.autostart_network(record["name"], False)
