"""libvirt's real QEMU driver without a daemon (qemu:///embed): what it refuses here, it refuses at the user's.

It wants a user libvirt-qemu to exist; nss_wrapper shows it one. Without KVM, definitions are tried as type qemu."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

USER = "libvirt-qemu:x:64055:64055:Libvirt Qemu:/var/lib/libvirt:/usr/sbin/nologin\n"
GROUP = "libvirt-qemu:x:64055:\n"
CONF = 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\n'


class Embedded:
    """One embedded driver with its own root folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        (self.root / "etc").mkdir(parents=True)
        (self.root / "etc/qemu.conf").write_text(CONF)
        self.environment = {**os.environ, "LD_PRELOAD": "libnss_wrapper.so", "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        for name, line in (("passwd", USER), ("group", GROUP)):
            there = Path("/etc", name).read_text(encoding="utf-8")
            (folder / name).write_text(there + ("" if "libvirt-qemu:" in there else line), encoding="utf-8")
            self.environment[f"NSS_WRAPPER_{name.upper()}"] = str(folder / name)
        self.kvm = os.access("/dev/kvm", os.R_OK | os.W_OK)

    def virsh(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one virsh command on the embedded driver."""
        argv = ["virsh", "-q", "-c", f"qemu:///embed?root={self.root}", *words]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False, timeout=100)

    def complaints(self, xml: str, folder: Path) -> str:
        """What the schema or the driver say against a definition; empty when they take it."""
        path = folder / "domain.xml"
        path.write_text(
            xml if self.kvm else xml.replace('<domain type="kvm">', '<domain type="qemu">'), encoding="utf-8"
        )
        shutil.rmtree(self.root / "etc/qemu", ignore_errors=True)
        schema = subprocess.run(["virt-xml-validate", str(path), "domain"], capture_output=True, text=True, check=False)
        defined = self.virsh("define", "--validate", str(path))
        said = schema.stdout + schema.stderr if schema.returncode else ""
        return said + (defined.stderr if defined.returncode else "")
