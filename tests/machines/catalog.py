"""The ready-made machines by name."""

from __future__ import annotations

from collections.abc import Callable

from tests.machines import article, desktops, others
from tests.machines.parts import Machine

MACHINES: dict[str, Callable[[], Machine]] = {
    "article": article.article,
    "article-booted": article.article_booted,
    "debian": desktops.debian,
    "amd-two-ccx": others.amd_two_ccx,
    "intel-hybrid": others.intel_hybrid,
    "laptop-muxless": others.laptop_muxless,
    "identical-gpus": desktops.identical_gpus,
    "shared-group": desktops.shared_group,
    "no-iommu": desktops.no_iommu,
    "off-in-kernel": desktops.off_in_kernel,
    "no-irq-remap": desktops.no_irq_remap,
    "no-tpm": desktops.no_tpm,
    "old-libvirt": desktops.old_libvirt,
    "single-gpu": desktops.single_gpu,
    "lvm-crypt-raid": desktops.lvm_crypt_raid,
    "sriov": desktops.sriov,
    "usb-only-input": desktops.usb_only_input,
    "handed-over": desktops.handed_over,
}
