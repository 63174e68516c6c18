"""What the running kernel was built with, as far as its distribution keeps it readable."""

from __future__ import annotations

import re

from vdesk.host.distribution import distribution
from vdesk.host.host import Host

RELEASE = "proc/sys/kernel/osrelease"
CONFIG = "boot/config-"
INTGPU_OFF = "CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=y"
SINCE = (5, 10)


def integrated_left_out(host: Host) -> str:
    """What says that this kernel's VT-d leaves the integrated graphics untranslated unless `intel_iommu=on` is given;
    empty where nothing does. It is a patch of Debian's (intgpu_off), in its kernels since 5.10."""
    release = host.value(RELEASE)
    if not re.fullmatch(r"[\w.+~-]+", release):
        return ""
    for path in (f"{CONFIG}{release}", f"lib/modules/{release}/config"):
        text = host.text(path)
        if text:
            return f"/{path}: {INTGPU_OFF}" if INTGPU_OFF in text.splitlines() else ""
    numbers = re.match(r"(\d+)\.(\d+)\.", release)
    by_debian = distribution(host).id == "debian" and release.endswith("-amd64")
    if by_debian and numbers and (int(numbers[1]), int(numbers[2])) >= SINCE:
        return f"/{RELEASE}: {release}, a kernel of Debian's"
    return ""
