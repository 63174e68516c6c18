"""The Debian of the lab's image, as a folder: what is installed in it and how it is set up."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from . import guest_iso
from .errors import SEARCH, LabError

HERE = Path(__file__).parent
PACKAGES = [
    "linux-image-amd64", "systemd-sysv", "udev", "dbus", "kmod", "initramfs-tools", "zstd", "grub-pc", "pciutils",
    "usbutils", "iproute2", "procps", "psmisc", "sudo", "polkitd", "apparmor", "less", "libvirt-daemon-system",
    "libvirt-daemon-driver-qemu", "libvirt-daemon-config-network", "libvirt-clients", "qemu-system-x86", "qemu-utils",
    "ovmf", "swtpm", "swtpm-tools", "dnsmasq-base", "nftables", "iptables", "python3", "python3-libvirt",
    "python3-pyudev", "python3-click", "python3-rich", "driverctl",
]  # fmt: skip
NOT_IN_BOOKWORM = ["qemu-system-modules-spice"]
# Each costs an emulated machine seconds, and none is anything that vdesk looks at.
MASKED = [
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "systemd-networkd-wait-online.service", "systemd-timesyncd.service",
    "systemd-network-generator.service", "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount",
    "grub-common.service", "libvirt-guests.service", "man-db.timer", "logrotate.timer",
]  # fmt: skip
# amdgpu looks at every ATI card, also at the emulated Rage 128, and needs a minute to say no.
SLOW_MODULES = [
    "amdgpu", "pcspkr", "vga16fb", "cfg80211", "aesni_intel", "ghash_clmulni_intel", "sha512_ssse3", "sha256_ssse3",
    "sha1_ssse3", "crct10dif_pclmul", "crc32_pclmul", "powernow_k8", "iTCO_wdt",
]  # fmt: skip
# KVM through the emulated SVM hangs with OVMF, and with QEMU 7.2 outside it takes the whole machine down.
MODPROBE = "".join(f"blacklist {name}\n" for name in SLOW_MODULES) + "install kvm_amd /bin/false\n"
# A short list makes an initramfs that GRUB reads and update-initramfs writes in a fraction of the time.
INITRAMFS_MODULES = "virtio_pci\nvirtio_blk\next4\nahci\nsd_mod\nnvme\n"
AUTOLOGIN = "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %I vt220\n"
# QEMU names no router to a network without a way out.
NETWORK = "[Match]\nName=en*\n[Network]\nDHCP=ipv4\n[Route]\nGateway=10.0.2.2\nGatewayOnLink=yes\n"
FILES = {
    "etc/resolv.conf": "nameserver 10.0.2.3\n",  # dnsmasq, so libvirt's network, does not start without one
    "etc/hostname": "vdesk-lab\n",
    "etc/hosts": "127.0.0.1 localhost vdesk-lab\n",
    "etc/systemd/network/lab.network": NETWORK,
    "etc/systemd/system/serial-getty@ttyS0.service.d/autologin.conf": AUTOLOGIN,
    "etc/modprobe.d/lab.conf": MODPROBE,
    "etc/initramfs-tools/conf.d/lab": "MODULES=list\n",
    "usr/share/initramfs-tools/modules.d/lab": INITRAMFS_MODULES,
}
KEPT_PROFILES = ("virt", "qemu", "swtpm", "dnsmasq")


def run(*argv: object) -> None:
    """Run a program of this machine; LabError with what it said when it fails."""
    words = [str(word) for word in argv]
    env = {**os.environ, "PATH": SEARCH, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-4000:]
        raise LabError(f"{' '.join(words)} exited {done.returncode}\n{said}")


def bootstrap(suite: str, root: Path) -> None:
    """Install the packages of a suite into a folder."""
    packages = PACKAGES + (NOT_IN_BOOKWORM if suite != "bookworm" else [])
    run(
        "mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + ",".join(packages),
        "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"',
        suite, root, *sources(suite),
    )  # fmt: skip


def sources(suite: str) -> list[str]:
    """Return sources.list lines with the Debian mirrors of this machine's apt; none where it has none, and mmdebstrap
    takes those that it knows for the suite (mmdebstrap(1), MIRROR)."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Identifier: Packages"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    mirrors = dict(line.split("|", 1) for line in done.stdout.splitlines() if "|" in line)
    if "Debian" not in mirrors:
        return []
    signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    found = [("Debian", suite), ("Debian", f"{suite}-updates"), ("Debian-Security", f"{suite}-security")]
    return [f"deb {signed} {mirrors[label]} {archive} main" for label, archive in found if label in mirrors]


def configure(root: Path, root_uuid: str) -> None:
    """Make the installed folder the lab's desktop, as far as that needs no running system."""
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    for path, text in FILES.items():
        write(root / path, text)
    write(root / "etc/fstab", f"UUID={root_uuid} / ext4 errors=remount-ro 0 1\n")
    write(root / "etc/sudoers.d/desk", "desk ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    write(root / "usr/local/sbin/lab-agent", (HERE / "guest/lab_agent.py").read_text(), 0o755)
    write(root / "etc/systemd/system/lab-agent.service", (HERE / "guest/lab-agent.service").read_text())
    grub = root / "etc/default/grub"
    text = grub.read_text().replace("GRUB_TIMEOUT=5", "GRUB_TIMEOUT=1")
    console = 'GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"'
    grub.write_text(text.replace('GRUB_CMDLINE_LINUX=""', console))
    (root / "var/log/journal").mkdir(exist_ok=True)
    for unit in MASKED:
        link(root / "etc/systemd/system" / unit, "/dev/null")
    keep_profiles(root / "etc/apparmor.d")
    run("chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", "desk")
    run("chroot", root, "systemctl", "enable", "lab-agent.service", "systemd-networkd.service")
    run("chroot", root, "update-initramfs", "-u", "-k", "all")
    guest_iso.make_iso(root / "var/lib/libvirt/images/lab-guest.iso")


def keep_profiles(folder: Path) -> None:
    """Disable the AppArmor profiles of programs that are not there, a hundred of them: each is parsed at boot."""
    for profile in sorted(folder.iterdir()):
        if profile.is_file() and not any(word in profile.name for word in KEPT_PROFILES):
            link(folder / "disable" / profile.name, f"/etc/apparmor.d/{profile.name}")


def write(target: Path, text: str, mode: int = 0o644) -> None:
    """Write a file of the image, its folders too."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(mode)


def link(target: Path, to: str) -> None:
    """Make a link in the image, whatever was there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(to)
