"""What QEMU and libvirt say of nodes, images and discs that cannot be opened as the definition wants them
(util/osdep.c, block/file-posix.c, backends/iommufd.c)."""

from __future__ import annotations

from vdesk.vm.doctor_known import Failure

NODES = (
    Failure(
        "doctor.iommufd-denied",
        (r"(?P<path>/dev/(?:vfio/devices/vfio\d+|iommu))\b.*(?:Permission denied|Operation not permitted)",),
        "QEMU may not open {path}",
        "the machine takes the device by iommufd, which libvirt lets QEMU at from 12.1 on, where the definition asks"
        " for it; with an older one, or by QEMU's own command line, its control group or AppArmor keeps it out",
        "let it take the device by its group, which every libvirt can: virsh edit {name}, and take iommufd out of it;"
        " see denials with: sudo journalctl -k -b --grep apparmor",
    ),
    Failure(
        "doctor.node-denied",
        (
            r"(?:Could not|cannot) open '?(?P<path>/dev/[^':]+)'?: (?:Permission denied|Operation not permitted)",
            r"can't open backing store (?P<path>/dev/\S+) for guest RAM: (?:Permission denied|Operation not permitted)",
            r"Cannot access storage file '(?P<path>/dev/[^']+)'.*Permission denied",
        ),
        "QEMU may not open {path}",
        "libvirt lets QEMU at the nodes that the definition names as disks, inputs or devices; what only QEMU's own"
        " command line names is not among them, in a user's own session the node is its owner's and its group's, and"
        " AppArmor can forbid it too",
        "use qemu:///system; a node of <qemu:commandline> goes into cgroup_device_acl in /etc/libvirt/qemu.conf, and"
        " libvirt is restarted after; see denials with: sudo journalctl -k -b --grep apparmor",
    ),
    Failure(
        "doctor.input-gone",
        (r"evdev.*cannot open '?(?P<path>/dev/input/[^':]+)", r"Could not open '(?P<path>/dev/input/[^']+)'"),
        "the keyboard or mouse {path} is not there",
        "it is unplugged or switched off, and the machine was made to share it",
        "plug it in and start again, or take it out with: virsh edit {name}",
    ),
    Failure(
        "doctor.file-denied",
        (
            r"Could not open '(?P<path>/[^']+)': Permission denied",
            r"Cannot access storage file '(?P<path>[^']+)'.*Permission denied",
            r"Could not open '(?P<path>/[^']+)': Operation not permitted",
        ),
        "QEMU may not read {path}",
        "QEMU runs as a user of its own, who may not enter a home folder, or AppArmor forbids the place",
        "move it to /var/lib/libvirt/images, and name the new place with: virsh edit {name}",
    ),
    Failure(
        "doctor.file-missing",
        (
            r"Could not open '(?P<path>/[^']+)': No such file or directory",
            r"Cannot access storage file '(?P<path>[^']+)'.*No such file or directory",
        ),
        "{path} is not there",
        "it was moved or removed since the machine was defined",
        "put it back, or take it out of the machine with: virsh edit {name}",
    ),
)

DISKS = (
    Failure(
        "doctor.no-direct",
        (
            r"file ?system (?:does|may) not support O_DIRECT",
            r"Could not find working O_DIRECT alignment",
        ),
        "the disk cannot be opened past this machine's cache",
        "its definition has cache='none', and the file system has no O_DIRECT: an old ZFS or kernel's tmpfs, some"
        " network and FUSE ones",
        "move the image to a folder on another file system (/var/lib/libvirt/images mostly is); or virsh edit {name},"
        " and in the disk's <driver> write cache='writeback' and take io='native' out",
    ),
    Failure(
        "doctor.io-native",
        (
            r"aio=native was specified, but it requires cache\.direct=on",
            r"native I/O needs either no disk cache or directsync",
        ),
        "the disk's io='native' does not go with its cache mode",
        "the kernel's own asynchronous input and output goes past the cache, so it is there with cache='none' or"
        " 'directsync' only",
        "virsh edit {name}, and in the disk's <driver> write cache='none', or take io='native' out",
    ),
    Failure(
        "doctor.image-locked",
        (
            r"Failed to get (?:shared )?\"[a-z ]+\" lock",
            r"Is another process using the image(?: \[(?P<path>[^\]]+)\])?",
        ),
        "another process has the machine's disk open",
        "another virtual machine has the same disk or one that builds on it, a program works on it (qemu-img,"
        " qemu-nbd), or a QEMU that ended badly is still there",
        "see which with: vdesk list, and ps -eo pid,stat,args | grep qemu; stop it and start again. Two that write to"
        " one disk destroy it, so the lock has to stay",
    ),
)

KNOWN = (*NODES, *DISKS)
