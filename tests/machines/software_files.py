"""Programs, firmware descriptors, libvirt's configuration, what a capture records of commands and the kernel's log."""

from __future__ import annotations

import json

from tests.machines.parts import Link, Machine, Software, Tree

VIRT = (
    "usr/bin/qemu-system-x86_64",
    "usr/bin/qemu-img",
    "usr/bin/virsh",
    "usr/bin/virt-manager",
    "usr/bin/virt-viewer",
    "usr/bin/swtpm",
    "usr/bin/swtpm_setup",
    "usr/sbin/libvirtd",
)
SYSTEM = ("usr/bin/systemctl", "usr/bin/journalctl", "usr/sbin/modprobe", "usr/bin/sudo", "usr/bin/apt-get")
IMAGES = {
    "40-edk2-x86_64-secure-enrolled": (
        "OVMF_CODE_4M.ms.fd",
        "OVMF_VARS_4M.ms.fd",
        ("enrolled-keys", "requires-smm", "secure-boot"),
    ),
    "50-edk2-x86_64-secure": ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.fd", ("requires-smm", "secure-boot")),
    "60-edk2-x86_64": ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd", ()),
}


def descriptor(name: str) -> str:
    """A firmware descriptor as Debian's ovmf package has it (QEMU: docs/interop/firmware.json)."""
    code, variables, features = IMAGES[name]
    machines = ["pc-q35-*"] if features else ["pc-i440fx-*", "pc-q35-*"]
    whole = {
        "description": f"UEFI firmware for x86_64: {name}",
        "interface-types": ["uefi"],
        "mapping": {
            "device": "flash",
            "executable": {"filename": f"/usr/share/OVMF/{code}", "format": "raw"},
            "nvram-template": {"filename": f"/usr/share/OVMF/{variables}", "format": "raw"},
        },
        "targets": [{"architecture": "x86_64", "machines": machines}],
        "features": ["acpi-s3", "amd-sev", *features, "verbose-dynamic"],
        "tags": [],
    }
    return json.dumps(whole, indent=4) + "\n"


def installed(
    qemu: str,
    libvirt: str,
    *,
    tpm: bool = True,
    programs: tuple[str, ...] = (),
    extra: dict[tuple[str, ...], str | tuple[int, str, str]] | None = None,
    **files: str,
) -> Software:
    """QEMU, libvirt and OVMF of these versions, with the daemon's socket active; `files` are not used yet by any."""
    answers: dict[tuple[str, ...], str | tuple[int, str, str]] = {
        (
            "qemu-system-x86_64",
            "--version",
        ): f"QEMU emulator version {qemu}\nCopyright (c) 2003-2025 Fabrice Bellard and the QEMU Project developers\n",
        ("libvirtd", "--version"): f"libvirtd (libvirt) {libvirt}\n",
        ("virsh", "--version"): f"{libvirt}\n",
        ("systemctl", "is-active", "libvirtd.service"): (3, "inactive\n", ""),
        ("systemctl", "is-active", "libvirtd.socket"): "active\n",
        ("systemctl", "is-active", "virtqemud.service"): (3, "inactive\n", ""),
        ("systemctl", "is-active", "virtqemud.socket"): (3, "inactive\n", ""),
    }
    kept = tuple(each for each in VIRT if tpm or "swtpm" not in each)
    return Software((*kept, *programs), answers | (extra or {}), files=dict(files))


def write_software(machine: Machine, tree: Tree) -> None:
    """Markers of programs, OVMF, /etc/libvirt, run/vdesk."""
    software = machine.software
    for path in (*SYSTEM, *software.programs):
        tree[path] = ""
    tree["bin"], tree["sbin"] = Link("usr/bin"), Link("usr/sbin")
    if "usr/bin/qemu-system-x86_64" in software.programs:
        for name in software.firmware:
            tree[f"usr/share/qemu/firmware/{name}.json"] = descriptor(name)
            for image in IMAGES[name][:2]:
                tree[f"usr/share/OVMF/{image}"] = ""
    if "usr/sbin/libvirtd" in software.programs:
        tree["etc/libvirt/qemu.conf"] = '# Master configuration file for the QEMU driver.\n#user = "libvirt-qemu"\n'
        tree["etc/libvirt/hooks"] = None
        tree["var/lib/libvirt/images"] = None
    tree |= software.files
    tree["run/vdesk/commands.json"] = (
        json.dumps([_answer(argv, said) for argv, said in software.answers.items()], indent=0) + "\n"
    )
    tree["run/vdesk/kernel.log"] = kernel_log(machine)
    tree["run/vdesk/machine.json"] = (
        json.dumps({"captured": "2026-11-20T18:00:00Z", "version": "0.1.0", "unreadable": []}) + "\n"
    )


def _answer(argv: tuple[str, ...], said: str | tuple[int, str, str]) -> dict[str, object]:
    code, stdout, stderr = said if isinstance(said, tuple) else (0, said, "")
    return {"argv": list(argv), "exit_code": code, "stdout": stdout, "stderr": stderr}


def kernel_log(machine: Machine) -> str:
    """`journalctl -k -b -o short-monotonic --no-hostname`, reduced to what speaks of the IOMMU and of graphics."""
    lines = [f"Linux version {machine.distribution.kernel} (buildd@lcy02) #1 SMP PREEMPT_DYNAMIC"]
    lines.append("Command line: " + _command_line(machine))
    lines += machine.log
    return "".join(f"[{0.004 * (index + 1):12.6f}] kernel: {line}\n" for index, line in enumerate(lines))


def _command_line(machine: Machine) -> str:
    from tests.machines.boot_files import root_argument

    about = machine.distribution
    booted = (
        f"BOOT_IMAGE=/boot/vmlinuz-{about.kernel} root={root_argument(machine)} ro {about.quiet} {machine.arguments}"
    )
    return booted.strip()
