"""What is private on a machine, planted in one, and the words that nobody else may get to see."""

from __future__ import annotations

from pathlib import Path

ROOT_ID = "9f8e7d6c-1111-2222-3333-444455556666"
PLANTED = {
    "etc/hostname": "coruscant\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "proc/cmdline": f"root=UUID={ROOT_ID} rd.luks.name=abc quiet cryptdevice=/dev/coruscant-vg/r "
    "resume=/dev/disk/by-id/nvme-Samsung_SSD_S4EWNX0N_part3 systemd.hostname=dagobah ip=enx3c5282aabbcc:dhcp "
    "rd.iscsi.initiator=iqn.1993-08.org.debian:01:4f2a91c7 nfsroot=tatooine:/export/root "
    "resume2=PARTUUID=4e3b2a19-03\n",
    "etc/fstab": f"UUID={ROOT_ID} / ext4 defaults 0 1\n/dev/mapper/coruscant--vg-r /home ext4 x 0 0\n",
    "etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet root=/dev/coruscant/root"\n# by anakin, password=hunter2\n'
    "# by-id/ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0AA11BB\n",
    "sys/class/dmi/id/product_serial": "SN-7766554433\n",
    "sys/class/dmi/id/product_uuid": "aaaabbbb-cccc-dddd-eeee-ffff00001111\n",
    "run/vdesk/kernel.log": "Linux version 6.1\nusb 1-1: SerialNumber: KEYBOARD9911\neth0: MAC 3c:52:82:aa:bb:cc\n"
    "ip 192.168.77.12 fe80::3e52:82ff:feaa:bbcc anakin@coruscant /home/anakin/x chassis SN-7766554433\n"
    "usb 2-2: Product: Disk, serial AA11BB22CC33 r8152 enx3c5282aabbcc: renamed, 3c5282aabbcc "
    "wlan0: ssid='Mos Eisley'\n"
    "EXT4-fs: mounted on /mnt/jedi-secrets\n",
    "etc/udev/rules.d/90-own.rules": 'ATTRS{serial}=="WD-WX11A22", NAME="/home/anakin/disk" # 3C-52-82-AA-BB-CC\n',
    "etc/libvirt/qemu/bespin.xml": "<domain><name>bespin</name><graphics passwd='hunter2'/></domain>\n",
    "etc/libvirt/hooks/qemu": "#!/bin/sh\n# anakin, coruscant\nssh anakin@192.168.77.12\n"
    "curl -H 'Authorization: Bearer ey99secret' https://naboo/ring\nvirsh list\n",
    "etc/modprobe.d/own.conf": "# coruscant of anakin, who keeps the plans here\noptions vfio-pci ids=10de:1402\n",
}
PRIVATE = (
    "coruscant", "anakin", "0123456789abcdef", "9f8e7d6c", "SN-7766554433", "aaaabbbb", "KEYBOARD9911", "3c:52:82",
    "3c-52-82", "192.168.77", "3e52:82ff", "WD-WX11A22", "hunter2", "bespin",
    "S4EWNX0N", "dagobah", "3c5282", "4f2a91c7", "tatooine", "4e3b2a19", "WCC7K0AA11BB", "AA11BB22CC33", "Eisley",
    "jedi-secrets", "ey99secret", "naboo", "the plans",
)  # fmt: skip


def plant(root: Path) -> None:
    """Put it into a captured machine's files."""
    for path, text in PLANTED.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    rows = (root / "etc/passwd").read_text().replace("user:", "anakin:").replace("/home/user", "/home/anakin")
    (root / "etc/passwd").write_text(rows.replace("x:1000:1000:", "x:1000:1000:Anakin S.,,555-1234", 1))
    (root / "etc/group").write_text((root / "etc/group").read_text().replace("user", "anakin"))
    commands = root / "run/vdesk/commands.json"
    commands.write_text(commands.read_text().replace('"stdout": "', '"stdout": "coruscant anakin 3c:52:82:aa:bb:cc '))
    by_id = root / "dev/input/by-id"
    by_id.mkdir(parents=True, exist_ok=True)
    (by_id / "usb-Maker_Board_KEYBOARD9911-event-kbd").symlink_to("../event3")
