"""What a person does where vdesk does not edit the boot configuration: an argument in, or out, as each loader has it.

https://systemd.io/BOOT_LOADER_INTERFACE and each tool's manual page."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from vdesk.boot.detect import GRUB, LEFT_BEHIND, Loader, loader_info
from vdesk.boot.whole_line import to_put, to_take, whole_line
from vdesk.host.host import Host

LIMINE = "etc/default/limine"
REFIND = LEFT_BEHIND["refind"][0]
DRACUT, DROP_INS = "etc/dracut.conf.d", "etc/cmdline.d"
MKCONFIG = "grub-mkconfig -o /boot/grub/grub.cfg"


def add(host: Host, used: Loader, words: Sequence[str]) -> str:
    """What a person does to add the arguments."""
    args = " ".join(words)
    if used.doubt:
        return f"see which one is in use with: sudo bootctl status; then add {args} to its configuration by hand"
    way = WAYS.get(used.name)
    if way:
        return way[0](host, words)
    if used.name in GRUB:
        return f"add {args} to GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub, then run: sudo update-grub"
    return f"add {args} to the kernel's command line where your boot loader keeps it"


def remove(host: Host, used: Loader, word: str) -> str:
    """What a person does to take the argument out."""
    if used.doubt:
        return f"see which boot loader is in use with: sudo bootctl status; then take {word} out of its configuration"
    way = WAYS.get(used.name)
    if way:
        return way[1](host, word)
    if used.name in GRUB:
        return f"take {word} out of /etc/default/grub, then: sudo update-grub"
    return f"take {word} out of the kernel's command line where your boot loader keeps it"


# --- files with the whole line
def _entries_add(host: Host, words: Sequence[str]) -> str:
    line = to_put(whole_line(host), words)
    by_hand = f"an entry in loader/entries that was written by hand takes {' '.join(words)} in its options line instead"
    return f"{line}; then run: sudo kernel-install add-all; {by_hand}"


def _entries_out(host: Host, word: str) -> str:
    by_hand = f"of an entry in loader/entries that was written by hand, take {word} out of its options line instead"
    return f"{to_take(whole_line(host), word)}; then run: sudo kernel-install add-all; {by_hand}"


def _image_add(host: Host, words: Sequence[str]) -> str:
    args = " ".join(words)
    if _drop_ins(host):
        put = f"write {args} into a file of its own, /{DROP_INS}/zz-vdesk.conf"
    elif conf := _dracut(host):
        put = f"add {args} to kernel_cmdline in /{conf}"
    else:
        put = to_put(whole_line(host), words)
    return f"{put}; then {_build(host)}, and sign it again"


def _image_out(host: Host, word: str) -> str:
    if _drop_ins(host):
        out = f"take {word} out of the file in /{DROP_INS} that has it"
    elif conf := _dracut(host):
        out = f"take {word} out of kernel_cmdline in /{conf}"
    else:
        out = to_take(whole_line(host), word)
    return f"{out}; then {_build(host)}, and sign it again"


def _build(host: Host) -> str:
    command = "kernel-install add-all"
    if _mkinitcpio(host):
        command = "mkinitcpio -P"
    elif _dracut(host):
        command = "dracut --regenerate-all --force"
    return f"rebuild the image with: sudo {command}"


def _mkinitcpio(host: Host) -> bool:
    return host.exists("usr/bin/mkinitcpio")


def _drop_ins(host: Host) -> bool:
    """Whether the folder is where the arguments come from: mkinitcpio takes it before /etc/kernel/cmdline."""
    return _mkinitcpio(host) and any(name.endswith(".conf") for name in host.names(DROP_INS))


def _dracut(host: Host) -> str:
    """The file of dracut's that holds the arguments of its images (dracut.conf(5)); empty where another tool makes
    them."""
    if _mkinitcpio(host):
        return ""
    files = [*(f"{DRACUT}/{name}" for name in host.names(DRACUT) if name.endswith(".conf")), "etc/dracut.conf"]
    makes = any(_has(host, path, "uefi=") for path in files)
    return next((path for path in files if makes and _has(host, path, "kernel_cmdline")), "")


def _has(host: Host, path: str, name: str) -> bool:
    return any(row.lstrip().startswith(name) for row in host.lines(path))


# --- Proxmox VE's two loaders: the chapter on the host's boot loader in its manual
def _proxmox_grub(host: Host) -> bool | None:
    """Whether GRUB reads what proxmox-boot-tool copies; None where nothing tells. Without UEFI it does."""
    text = loader_info(host).lower()
    if "grub" in text or "systemd-boot" in text:
        return "grub" in text
    return None if host.exists("sys/firmware/efi") or not host.is_live else True


def _proxmox_add(host: Host, words: Sequence[str]) -> str:
    line = f"{to_put(whole_line(host), words)}; then run: sudo proxmox-boot-tool refresh"
    grub = f"add {' '.join(words)} to GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub, then run: sudo update-grub"
    return _proxmox(host, line, grub)


def _proxmox_out(host: Host, word: str) -> str:
    line = f"{to_take(whole_line(host), word)}; then run: sudo proxmox-boot-tool refresh"
    return _proxmox(host, line, f"take {word} out of /etc/default/grub, then: sudo update-grub")


def _proxmox(host: Host, line: str, grub: str) -> str:
    found = _proxmox_grub(host)
    if found is None:
        return f"see which loader it is with: sudo proxmox-boot-tool status; with uefi: {line}; with grub: {grub}"
    return grub if found else line


# --- files of the loaders' own
def _limine(host: Host) -> bool:
    """Whether limine.conf is written by limine-entry-tool, which takes the arguments from a file of its own."""
    return host.exists(LIMINE) or host.exists("usr/bin/limine-update")


def _limine_add(host: Host, words: Sequence[str]) -> str:
    args = " ".join(words)
    if not _limine(host):
        return f"add {args} to the cmdline of the entry in limine.conf"
    line, put = whole_line(host), f'add the line KERNEL_CMDLINE[default]+=" {args}" at the end of /{LIMINE}'
    if not _has(host, LIMINE, "KERNEL_CMDLINE"):
        if not line.words:
            return f"{to_put(line, words)}; then run: sudo limine-update"
        put = f"add this line to /{LIMINE}: KERNEL_CMDLINE[default]={_quoted(line.having(words))}"
    return f"{put}; then run: sudo limine-update"


def _limine_out(host: Host, word: str) -> str:
    if not _limine(host):
        return f"take {word} out of the cmdline of the entry in limine.conf"
    line, out = whole_line(host), f"take {word} out of KERNEL_CMDLINE in /{LIMINE}"
    if line.words and not _has(host, LIMINE, "KERNEL_CMDLINE"):
        out = f"add this line to /{LIMINE}: KERNEL_CMDLINE[default]={_quoted(line.without(word))}"
    return f"{out}; then run: sudo limine-update"


def _quoted(line: str) -> str:
    return f"'{line}'" if '"' in line else f'"{line}"'


def _refind_add(host: Host, words: Sequence[str]) -> str:
    line = whole_line(host)
    if line.words and not host.exists(REFIND):
        return f"write this line into /{REFIND}, which is not there: {_refind_line(line.having(words))}"
    return f"add {' '.join(words)} to the first line of /{REFIND}, inside its second pair of quotes"


def _refind_out(host: Host, word: str) -> str:
    line = whole_line(host)
    if line.words and not host.exists(REFIND):
        return f"write this line into /{REFIND}, which is not there: {_refind_line(line.without(word))}"
    return f"take {word} out of the first line of /{REFIND}"


def _refind_line(options: str) -> str:
    doubled = options.replace('"', '""')
    return f'"Boot with standard options" "{doubled}"'


# --- tools that know the line themselves
def _ostree_add(host: Host, words: Sequence[str]) -> str:
    return "sudo rpm-ostree kargs " + " ".join(f"--append-if-missing={shlex.quote(word)}" for word in words)


def _ostree_out(host: Host, word: str) -> str:
    return f"sudo rpm-ostree kargs --delete-if-present={shlex.quote(word)}"


def _nixos_add(host: Host, words: Sequence[str]) -> str:
    quoted = " ".join(f'"{word}"' for word in words)
    return f"add boot.kernelParams = [ {quoted} ]; to configuration.nix, then run: sudo nixos-rebuild switch"


def _nixos_out(host: Host, word: str) -> str:
    return f"take {word} out of boot.kernelParams in configuration.nix, then run: sudo nixos-rebuild switch"


def _kernelstub_add(host: Host, words: Sequence[str]) -> str:
    return f"sudo kernelstub -a '{' '.join(words)}'"


def _kernelstub_out(host: Host, word: str) -> str:
    return f"sudo kernelstub -d {shlex.quote(word)}"


def _pbl_add(host: Host, words: Sequence[str]) -> str:
    options = "; ".join(f"sudo update-bootloader --add-option {word}" for word in words)
    return f"{options}; then run: sudo update-bootloader --config"


def _pbl_out(host: Host, word: str) -> str:
    return f"sudo update-bootloader --del-option {shlex.quote(word)} && sudo update-bootloader --config"


def _grubby_add(host: Host, words: Sequence[str]) -> str:
    return f'sudo grubby --update-kernel=ALL --args="{" ".join(words)}"'


def _grubby_out(host: Host, word: str) -> str:
    return f"sudo grubby --update-kernel=ALL --remove-args={shlex.quote(word)}"


def mkconfig(host: Host) -> str:
    """The command that generates grub.cfg where there is no update-grub."""
    here = [name for name in ("grub-mkconfig", "grub2-mkconfig") if _program(host, name)]
    return "sudo grub2-mkconfig -o /boot/grub2/grub.cfg" if here == ["grub2-mkconfig"] else f"sudo {MKCONFIG}"


def _program(host: Host, name: str) -> bool:
    return host.exists(f"usr/bin/{name}") or host.exists(f"usr/sbin/{name}")


def _mkconfig_add(host: Host, words: Sequence[str]) -> str:
    where = f"add {' '.join(words)} to GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub"
    return f"{where}, then run: {mkconfig(host)}"


def _mkconfig_out(host: Host, word: str) -> str:
    return f"take {word} out of /etc/default/grub, then: {mkconfig(host)}"


# The way in and the way out, by the loader's name.
WAYS: dict[str, tuple[Callable[[Host, Sequence[str]], str], Callable[[Host, str], str]]] = {
    "ostree": (_ostree_add, _ostree_out),
    "nixos": (_nixos_add, _nixos_out),
    "proxmox-boot-tool": (_proxmox_add, _proxmox_out),
    "kernelstub": (_kernelstub_add, _kernelstub_out),
    "uki": (_image_add, _image_out),
    "systemd-boot": (_entries_add, _entries_out),
    "limine": (_limine_add, _limine_out),
    "refind": (_refind_add, _refind_out),
    "pbl": (_pbl_add, _pbl_out),
    "grubby": (_grubby_add, _grubby_out),
    "grub-mkconfig": (_mkconfig_add, _mkconfig_out),
}
