"""Whether SELinux lets libvirt run the hook.

Fedora's policy has virt_hook_t for /etc/libvirt/hooks, and its boolean virt_hooks_unconfined is for virtnetworkd only:
an enforcing virtqemud may not be able to execute QEMU's hooks. libvirt takes the devices by itself then, and nvidia
is still at work on them. No test from outside tells; the hook's own log does: each start that it has prepared
stands there with the label that it ran under."""

from __future__ import annotations

import re

from vdesk.changes.libvirt_daemon import MODULAR, units
from vdesk.host import Host
from vdesk.model.errors import Absent, HostError
from vdesk.model.finding import UNKNOWN, WARN, Finding, finding
from vdesk.plans.hook_status import active_daemons

ENFORCE = "sys/fs/selinux/enforce"
CONFIG = "etc/selinux/config"
LOGS = ("var/log/vdesk/hook.log", "var/log/vdesk/hook.log.1")
TYPE = "virtqemud_t"
PERMIT = "sudo semanage permissive -a virtqemud_t"
FINE, UNPROVEN, UNTOLD = "", "unproven", "untold"
TITLE = "SELinux may keep libvirt from running the hook"
CAUSE = (
    "it is enforcing, its policy confines virtqemud, which then takes the devices without the hook, and no start has "
    "shown yet that it runs"
)
_LABEL = re.compile(r"^\S+ .* prepare: takes .*\(process \d+, security label: ([^)]*)\)$", re.MULTILINE)


def doubt(host: Host) -> str:
    """UNPROVEN where the policy may forbid it and no start has shown otherwise, UNTOLD where only root could tell, else
    FINE."""
    if host.value(ENFORCE) != "1" or units(host) != MODULAR or "libvirtd.service" in active_daemons(host):
        return FINE
    if _permissive(host):
        return FINE
    for path in LOGS:
        try:
            told = host.read(path, 1 << 20)
        except Absent:
            continue
        except HostError:
            return UNTOLD
        # Called by hand, it runs as a person does.
        if any(":unconfined_t:" not in label for label in _LABEL.findall(told)):
            return FINE
    return UNPROVEN


def _permissive(host: Host) -> bool:
    """Whether somebody has exempted virtqemud, as `semanage permissive` keeps that."""
    found = re.search(r"^SELINUXTYPE=([\w-]+)\s*$", host.text(CONFIG), re.MULTILINE)
    policy = found.group(1) if found else "targeted"
    return host.exists(f"var/lib/selinux/{policy}/active/modules/400/permissive_{TYPE}")


def way(address: str) -> str:
    """What proves it without a risk, and what helps where it does not run."""
    return (
        f"take the card before, this once: sudo vdesk bind {address}; start the machine, and see whether the hook has"
        f" run: sudo grep prepare /{LOGS[0]}; where it has not: {PERMIT}; or bind the card at boot: sudo vdesk bind"
        f" {address} --boot"
    )


def findings(host: Host) -> list[Finding]:
    """The doubt, where there is one, for whoever installs or tests the hook."""
    found = doubt(host)
    if not found:
        return []
    level = WARN if found == UNPROVEN else UNKNOWN
    return [finding("libvirt.hook", level, TITLE, cause=CAUSE, remedy=way("ADDR"), evidence=f"/{ENFORCE}, /{LOGS[0]}")]
