"""cpu.virtualization, kvm.device: can this machine run virtual machines at all."""

from __future__ import annotations

from vdesk.checks.machine import Machine
from vdesk.host import account
from vdesk.host.cpu import PATH, Cpu, cpu
from vdesk.host.qemu_conf import runs_as_root, settings, users
from vdesk.host.tree import Stat
from vdesk.model.errors import Denied, HostError
from vdesk.model.finding import FAIL, OK, UNKNOWN, Finding, finding

KVM = "dev/kvm"
MISC = "sys/class/misc"
OFF_LINES = ("VMX (outside TXT) disabled by BIOS", "SVM disabled (by BIOS)", "kvm: disabled by bios")
SWITCH = {
    "intel": 'enable "Intel Virtualization Technology" (VT-x, VMX) in the firmware setup, then power off and on',
    "amd": 'enable "SVM Mode" (AMD-V) in the firmware setup, then power off and on',
    "other": "enable the processor's virtualization in the firmware setup, then power off and on",
}


def findings(machine: Machine) -> list[Finding]:
    """Both findings."""
    return [virtualization(machine), kvm(machine)]


def virtualization(machine: Machine) -> Finding:
    """Flags vmx or svm; older AMD kernels keep svm although the firmware switched it off, and log so."""
    seen = cpu(machine.host)
    name = "cpu.virtualization"
    if seen.virtualization is None:
        return finding(
            name,
            UNKNOWN,
            "it could not be told whether the processor can virtualize",
            cause=seen.reason,
            remedy=machine.see_more,
            evidence=f"/{PATH}",
        )
    line = machine.log.first(*OFF_LINES)
    if seen.virtualization and not line:
        title = f"the processor can virtualize ({seen.virtualization}): {seen.model or 'no model name'}"
        return finding(name, OK, title, evidence=f"/{PATH}: flags has {seen.virtualization}")
    return _no_virtualization(machine, seen, line)


def _no_virtualization(machine: Machine, seen: Cpu, line: str) -> Finding:
    evidence = f"/{PATH}: flags has {seen.virtualization or 'neither vmx nor svm'}"
    if line:
        cause, evidence = "the firmware has switched it off, as the kernel says", f"{machine.log.source}: {line}"
    elif seen.hypervisor:
        cause = "this is itself a virtual machine, and its host does not pass virtualization on"
    else:
        cause = "it is switched off in the firmware, or the processor has none"
    outer = "switch nested virtualization on in the host of this virtual machine"
    remedy = outer if seen.hypervisor and not line else SWITCH[seen.vendor]
    title = "the processor's virtualization is off or missing"
    return finding("cpu.virtualization", FAIL, title, cause=cause, remedy=remedy, evidence=evidence)


def kvm(machine: Machine) -> Finding:
    """/dev/kvm is served by kvm_intel or kvm_amd (Documentation/virt/kvm/api.rst), and QEMU has to be let in."""
    host = machine.host
    try:
        node = host.stat(KVM)
    except Denied as error:
        return _kvm_unknown(machine, error)
    except HostError:
        return _no_kvm(machine, f"/{KVM} is not there")
    if node.kind != "char":
        return finding("kvm.device", OK, "KVM is ready", evidence=f"/{KVM} is there")
    served = host.names(MISC)
    if served and "kvm" not in served:
        return _no_kvm(machine, f"/{MISC} has no kvm: nothing serves /{KVM}")
    return _open_to(machine, node)


def _open_to(machine: Machine, node: Stat) -> Finding:
    """The node by its owner and mode: libvirt gives QEMU one with the same (src/qemu/qemu_namespace.c)."""
    host, conf = machine.host, settings(machine.host)
    try:
        qemu = None if runs_as_root(conf) else account.ids(host, users(conf), conf.get("group", "").removeprefix("+"))
        groups = {number: name for name, number in account.groups(host).items()}
    except HostError as error:
        return _kvm_unknown(machine, error)
    evidence = f"/{KVM}: mode {node.mode:04o}, user {node.uid}, group {groups.get(node.gid, node.gid)}"
    if qemu is not None and not account.may_open(node, *qemu):
        return finding(
            "kvm.device",
            FAIL,
            "KVM is there, and libvirt's QEMU may not open it",
            cause=f"QEMU runs as the user {users(conf)[0]}, whom the mode of /{KVM} does not let in",
            remedy=f"sudo udevadm trigger /{KVM} gives it the usual mode; where it does not, look for a rule about kvm "
            "in /etc/udev/rules.d",
            evidence=evidence,
        )
    if account.opens(host, KVM) is False:
        title = "KVM is ready for libvirt's machines; you yourself may not open it, which QEMU of your own would need"
        return finding("kvm.device", OK, title, evidence=evidence)
    return finding("kvm.device", OK, "KVM is ready", evidence=evidence)


def _kvm_unknown(machine: Machine, error: HostError) -> Finding:
    return finding(
        "kvm.device",
        UNKNOWN,
        "it could not be told whether KVM is ready",
        cause=error.problems[0].what,
        remedy=machine.see_more,
        evidence=f"/{KVM}",
    )


def _no_kvm(machine: Machine, evidence: str) -> Finding:
    seen = cpu(machine.host)
    module = {"vmx": "kvm_intel", "svm": "kvm_amd"}.get(seen.virtualization or "")
    if not machine.host.is_live and (module or seen.virtualization is None):
        captured = _captured_kvm(machine, module)
        if captured is not None:
            return captured
    cause = f"the module {module} is not loaded" if module else "without the processor's virtualization there is no KVM"
    remedy = f"sudo modprobe {module}" if module else SWITCH[seen.vendor]
    return finding("kvm.device", FAIL, "KVM is not ready", cause=cause, remedy=remedy, evidence=evidence)


def _captured_kvm(machine: Machine, module: str | None) -> Finding | None:
    """A capture holds no device nodes: its modules tell instead; None where they say that KVM is not there."""
    loaded = [name for name in ("kvm_intel", "kvm_amd") if machine.host.exists(f"sys/module/{name}")]
    if loaded:
        return finding("kvm.device", OK, "KVM is ready", evidence=f"/sys/module/{loaded[0]} is there")
    if module and machine.host.exists("sys/module"):
        return None
    return _kvm_unknown(machine, HostError(f"/{KVM}", "no device node can be captured", f"/{KVM} was not captured"))
