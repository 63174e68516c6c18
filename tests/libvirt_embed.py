"""libvirt's real QEMU driver without a daemon (qemu:///embed): what it refuses here, it refuses at the user's.

It wants a user libvirt-qemu to exist; nss_wrapper shows it one. Without KVM, definitions are tried as type qemu."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

USER = "libvirt-qemu:x:64055:64055:Libvirt Qemu:/var/lib/libvirt:/usr/sbin/nologin\n"
GROUP = "libvirt-qemu:x:64055:\n"
SCHEMA = "/usr/share/libvirt/schemas/domain.rng"
CONF = 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\n'


class Embedded:
    """One embedded driver with its own root folder below one with a short name: it makes sockets there."""

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

    def refused(self, definitions: dict[str, str]) -> tuple[list[str], str]:
        """The names of those that the schema or the driver refuse, and what these said; one run of each."""
        files = {name: self.root / f"{name}.xml" for name in definitions}
        for name, xml in definitions.items():
            named = re.sub(r"<name>.*</name>\n *<uuid>.*</uuid>", f"<name>{name}</name>", xml)
            kind = named if self.kvm else named.replace('<domain type="kvm">', '<domain type="qemu">')
            files[name].write_text(kind, encoding="utf-8")
        defined = self.virsh("; ".join(f"define --validate '{path}'" for path in files.values()))
        listed = self.virsh("list", "--all", "--name").stdout.split()
        schema = subprocess.run(
            ["xmllint", "--noout", "--relaxng", SCHEMA, *map(str, files.values())],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        wrong = [name for name, path in files.items() if f"{path} fails to validate" in schema.stderr]
        said = defined.stdout + defined.stderr + schema.stderr
        return sorted({*wrong, *(name for name in files if name not in listed)}), said
