"""The shell's part of binding at boot: devices of the list get an override that no driver has, before any driver can
take them. It decides nothing: that is done on the whole system, where what earlier boots have shown can be read.

Only what dash, bash, busybox and klibc's shell have themselves: an initramfs may hold nothing else. Nothing exits: some
initramfs source it into their own shell."""

from __future__ import annotations

from textwrap import indent

HEAD = """\
#!/bin/sh
# Written by vdesk (vdesk bind --boot), and taken away by it (vdesk unbind --boot).
"""
FUNCTIONS = """\

# Without anything: vdesk.off, or the words of a rescue boot, on the kernel command line.
vdesk_off() {
    vdesk_line=
    read -r vdesk_line < /proc/cmdline || :
    case " $vdesk_line " in
    *" vdesk.off "* | *" single "* | *" s "* | *" S "* | *" 1 "* | *" rescue "* | *" emergency "* | *" -b "* | \\
        *" recovery "* | *" systemd.unit=rescue.target "* | *" systemd.unit=emergency.target "*) return 0 ;;
    esac
    return 1
}

# Has the machine booted on the card of this function? Then it is the desktop's, unless the list says that it was so.
vdesk_boots_on() {
    for vdesk_vga in "${1%.*}".*/boot_vga; do
        vdesk_flag=
        [ -f "$vdesk_vga" ] && read -r vdesk_flag < "$vdesk_vga" || :
        [ "$vdesk_flag" != 1 ] || return 0
    done
    return 1
}

# Hold back what is listed, where exactly that device is and no driver has it: an override that no driver has. But for
# USB controllers: the keyboard may be there that a disk's passphrase is typed on, long before anything can be decided.
vdesk_hold() {
    while read -r vdesk_at vdesk_id vdesk_sub vdesk_rest; do
        case "$vdesk_at" in
        *:*:*.[0-7]) vdesk_dev="/sys/bus/pci/devices/$vdesk_at" ;;
        *) continue ;;
        esac
        [ -f "$vdesk_dev/driver_override" ] && [ ! -e "$vdesk_dev/driver" ] || continue
        vdesk_c=
        read -r vdesk_c < "$vdesk_dev/class" || :
        case "$vdesk_c" in 0x0c03*) continue ;; esac
        read -r vdesk_v < "$vdesk_dev/vendor" || continue
        read -r vdesk_d < "$vdesk_dev/device" || continue
        read -r vdesk_sv < "$vdesk_dev/subsystem_vendor" || continue
        read -r vdesk_sd < "$vdesk_dev/subsystem_device" || continue
        [ "${vdesk_v#0x}:${vdesk_d#0x} ${vdesk_sv#0x}:${vdesk_sd#0x}" = "$vdesk_id $vdesk_sub" ] || continue
        [ "$vdesk_rest" = boot-display ] || ! vdesk_boots_on "$vdesk_dev" || continue
        vdesk_now=
        read -r vdesk_now < "$vdesk_dev/driver_override" || :
        case "$vdesk_now" in
        "" | "(null)")
            echo vdesk-hold > "$vdesk_dev/driver_override" && echo "vdesk holds $vdesk_at" > /dev/kmsg || :
            ;;
        esac
    done < /etc/vdesk/devices
}

# Let everything go that is held back.
vdesk_release() {
    for vdesk_dev in /sys/bus/pci/devices/*; do
        vdesk_now=
        [ -f "$vdesk_dev/driver_override" ] && read -r vdesk_now < "$vdesk_dev/driver_override" || :
        [ "$vdesk_now" = vdesk-hold ] || continue
        echo > "$vdesk_dev/driver_override"
        echo "${vdesk_dev##*/}" > /sys/bus/pci/drivers_probe || :
    done
}
"""
ON_THE_SYSTEM = """\

# The same where modules can be loaded: nothing asks for one again after a device's event. Only when all are let go: a
# driver that hangs keeps no other device.
vdesk_release_and_load() {
    vdesk_went=
    for vdesk_dev in /sys/bus/pci/devices/*; do
        vdesk_now=
        [ -f "$vdesk_dev/driver_override" ] && read -r vdesk_now < "$vdesk_dev/driver_override" || :
        [ "$vdesk_now" != vdesk-hold ] || vdesk_went="$vdesk_went ${vdesk_dev##*/}"
    done
    vdesk_release
    for vdesk_at in $vdesk_went; do
        vdesk_dev="/sys/bus/pci/devices/$vdesk_at"
        vdesk_alias=
        [ -f "$vdesk_dev/modalias" ] && [ ! -e "$vdesk_dev/driver" ] || continue
        read -r vdesk_alias < "$vdesk_dev/modalias" || continue
        modprobe -q -- "$vdesk_alias" || :
        [ -e "$vdesk_dev/driver" ] || echo "$vdesk_at" > /sys/bus/pci/drivers_probe || :
    done
}
"""
HOLD = "[ ! -f /etc/vdesk/devices ] || vdesk_off || vdesk_hold\n"
LATE = """\
# The system that is about to run has no program that would decide: nothing stays held back.
vdesk_root="${rootmnt:-${NEWROOT:-/new_root}}"
if [ ! -f "$vdesk_root/etc/vdesk/devices" ] || [ ! -f "$vdesk_root/etc/vdesk/boot" ] ||
    { [ ! -e "$vdesk_root/usr/bin/python3" ] && [ ! -L "$vdesk_root/usr/bin/python3" ]; }; then
    vdesk_release
fi
"""


def early() -> str:
    """The script that holds back, to be sourced or run."""
    return f"{HEAD}{FUNCTIONS}\n{HOLD}"


def late() -> str:
    """The script that lets go where the new root has nothing that decides, to be sourced or run."""
    return f"{HEAD}{FUNCTIONS}\n{LATE}"


def on_the_system() -> str:
    """The same as a program of the system, and of an initramfs that systemd runs: `hold`, `release`, or `late`."""
    late_there = f"    rootmnt=/sysroot\n{indent(LATE, '    ')}    ;;\n"
    choice = f"release) vdesk_release_and_load ;;\nhold) {HOLD.strip()} ;;\nlate)\n{late_there}"
    return f'{HEAD}{FUNCTIONS}{ON_THE_SYSTEM}\ncase "${{1:-}}" in\n{choice}esac\n'
