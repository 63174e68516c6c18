"""Which entry of grub.cfg GRUB starts by itself: what `iommu status` calls generated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.grub_judge import write
from vdesk.boot.grub_cfg import default_line
from vdesk.host import captured
from vdesk.plans import iommu

CFG = "boot/grub/grub.cfg"
# As 00_header, 10_linux and 30_os-prober write it (grub-mkconfig 2.06).
MENU = """### BEGIN /etc/grub.d/00_header ###
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
else
   set default=DEFAULT
fi
function savedefault {
  if [ -z "${boot_once}" ]; then
    save_env saved_entry
  fi
}
### END /etc/grub.d/00_header ###
### BEGIN /etc/grub.d/10_linux ###
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-1' {
\tif [ x$grub_platform = xxen ]; then insmod xzio; fi
\tlinux\t/boot/vmlinuz-2 root=UUID=1 ro a
}
submenu 'Advanced options for Debian' $menuentry_id_option 'gnulinux-advanced-1' {
\tmenuentry 'Debian GNU/Linux, with Linux 2' --class debian $menuentry_id_option 'gnulinux-2' {
\t\tlinux\t/boot/vmlinuz-2 root=UUID=1 ro b
\t}
\tmenuentry 'Debian GNU/Linux, with Linux 1' --class debian --id old {
\t\tlinux\t/boot/vmlinuz-1 root=UUID=1 ro c
\t}
}
### END /etc/grub.d/10_linux ###
### BEGIN /etc/grub.d/30_os-prober ###
menuentry 'Windows' {
\tchainloader /EFI/Microsoft/Boot/bootmgfw.efi
}
menuentry "Another" {
\tlinux\t/vmlinuz root=/dev/sdb1 d
}
### END /etc/grub.d/30_os-prober ###
"""


@pytest.mark.parametrize(
    ("default", "word"),
    [
        *(('"0"', "a"), ('"1"', "b"), ("1", "b"), ("'1'", "b"), ('"1>0"', "b"), ('"1>1"', "c")),
        *(('"gnulinux-simple-1"', "a"), ('"gnulinux-advanced-1>old"', "c"), ('"Debian GNU/Linux"', "a")),
        *(('"Advanced options for Debian>Debian GNU/Linux, with Linux 1"', "c"), ('"1>gnulinux-2"', "b")),
        # what the file does not tell, what is no kernel, another system's: the first
        *(('"${saved_entry}"', "a"), ('"2"', "a"), ('"3"', "a"), ('"9"', "a"), ('"1>9"', "a")),
        *(('"x"', "a"), ('""', "a"), (f'"{"9" * 5000}"', "a"), ('"1>1>1"', "a"), ('">"', "a")),
    ],
)
def test_default(default: str, word: str) -> None:
    line = default_line(MENU.replace("DEFAULT", default))
    assert line is not None and line[-1].text == word


def test_without_marks_and_without_a_menu() -> None:
    plain = "".join(line for line in MENU.splitlines(keepends=True) if not line.startswith("###"))
    line = default_line(plain.replace("DEFAULT", '"3"'))
    assert line is not None and line[-1].text == "d"
    assert default_line('set default="1"\n}\n}\n') is None
    bare = default_line('set default="1"\nlinux /vmlinuz root=1 e\n')
    assert bare is not None and bare[-1].text == "e"


def test_status_tells_that_entry(tmp_path: Path) -> None:
    write(tmp_path, 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_DEFAULT="1>1"\n')
    (tmp_path / CFG).write_text(MENU.replace("DEFAULT", '"1>1"').replace("ro c", "ro intel_iommu=on"))
    assert iommu.status(captured(str(tmp_path)))["generated"] == ["intel_iommu=on"]
