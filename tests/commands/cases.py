"""What the golden files show: command lines by name, and the machines that each is run on."""

from __future__ import annotations

from typing import NamedTuple

from tests.machines.builder import names


class Case(NamedTuple):
    """Command lines run one after the other on one copy of each machine."""

    lines: tuple[str, ...]
    machines: tuple[str, ...]


ISO = "/var/lib/libvirt/images/win10.iso"
ALL = tuple(names())
USUAL = ("article", "article-booted", "debian", "amd-two-ccx")
TAKEN = ("article-booted", "debian", "handed-over", "no-irq-remap", "intel-hybrid", "laptop-muxless", "shared-group")

CASES = {
    "check": Case(("check",), ALL),
    "check-device": Case(("check 01:00.0", "check pci_0000_01_00_0 02:00.0"), ("article-booted", "identical-gpus")),
    "groups": Case(("groups",), ALL),
    "groups-filter": Case(
        ("groups --gpu", "groups --usb", "groups --audio", "groups --net", "groups --storage", "iommu groups 01:00.1"),
        ("article-booted", "shared-group"),
    ),
    "iommu-status": Case(("iommu status",), (*USUAL, "off-in-kernel", "no-iommu", "no-irq-remap", "empty")),
    "iommu-plan": Case(
        ("iommu enable --dry-run", "iommu enable --igfx-off --pt -n", "iommu disable -n"),
        (*USUAL, "off-in-kernel", "no-iommu", "empty"),
    ),
    "iommu-road": Case(
        (
            "iommu enable --yes",
            "iommu status",
            "iommu enable --igfx-off --yes",
            "iommu enable --igfx-off --yes",
            "history",
            "iommu disable --yes",
            "iommu status",
            "undo --all --yes",
        ),
        ("article", "debian"),
    ),
    "bind-plan": Case(
        ("bind 01:00.0 --dry-run", "bind 01:00.0 --only -n"),
        (*TAKEN, "article", "no-iommu", "single-gpu", "identical-gpus", "sriov"),
    ),
    "bind-boot": Case(
        (
            "bind 01:00.0 --boot -n",
            "bind 01:00.0 --boot --yes",
            "bind --list",
            "check 01:00.0",
            "unbind 01:00.0 --boot --yes",
        ),
        ("article-booted", "debian"),
    ),
    "gpu": Case(
        ("gpu list", "gpu query", "gpu select nvidia -n", "gpu select intel --restart-display -n", "gpu rom 01:00.0"),
        ("article-booted", "debian", "laptop-muxless", "identical-gpus", "empty"),
    ),
    "bind-refused": Case(
        (
            "bind 00:02.0 -n",
            "bind 00:01.0 -n",
            "bind 00:14.0 -n",
            "bind 00:17.0 -n",
            "bind 00:1f.6 -n",
            "bind 02:00.0 -n",
            "bind 03:00.0 -n",
            "bind 00:02.0 --force host-display -n",
            "bind 03:00.0 --force root-disk -n",
        ),
        ("debian", "lvm-crypt-raid", "usb-only-input", "sriov"),
    ),
    "bind-road": Case(
        ("bind 01:00.0 -y", "groups 01:00.0", "bind 01:00.0 -y", "history", "unbind 01:00.0 -y", "undo --all -y"),
        ("article-booted", "debian", "laptop-muxless"),
    ),
    "create-plan": Case(
        (f"create hoth --iso {ISO} --dry-run", f"create hoth --iso {ISO} --print-xml"),
        ("article-booted", "amd-two-ccx", "no-tpm", "laptop-muxless"),
    ),
    "vm-road": Case(
        tuple(
            f"{line} --connect test:///default"
            for line in (
                "list",
                f"create hoth --iso {ISO} -y",
                f"create hoth --iso {ISO} -y",
                "list",
                "show hoth",
                "start hoth -y",
                "start hoth -y",
                "delete hoth -y",
                "stop hoth -y",
                "delete hoth -y",
                "show hoth",
                "list",
            )
        ),
        ("article-booted", "debian"),
    ),
    "create-refused": Case(
        (f"create hoth --iso {ISO} -n", f"create hoth --iso {ISO} --gpu 01:00.0 -n"),
        ("article", "single-gpu", "shared-group", "intel-hybrid", "no-iommu"),
    ),
    "setup-plan": Case(
        ("setup -n", f"setup -n --gpu none --os linux --iso {ISO}", "install -n"),
        (
            *(*USUAL, "no-iommu", "off-in-kernel", "single-gpu", "identical-gpus", "no-tpm", "shared-group", "empty"),
            "intel-hybrid",
        ),
    ),
    "setup-road": Case(
        (
            f"setup -y --iso {ISO} --name hoth --boot --gpu 01:00.0 --pt",
            "setup -y",
            "setup",
            "history",
            "undo --all -y",
        ),
        ("article", "article-booted", "laptop-muxless"),
    ),
    "wrong": Case(
        (
            "bind",
            "bind 01:00",
            "bind 7f:00.0 -n",
            "bind 01:00.0",
            "unbind 01:00.0 -y",
            "unbind 00:02.0 -y",
            "groups 01:0",
            "groups 7f:00.0",
            "undo 7 -y",
            "undo -y",
            "undo 1 --all",
            "groupz",
            "iommu enabble",
            "iommu enable",
            "check --frobnicate",
            "check 01-00.0",
        ),
        ("debian", "empty"),
    ),
}
