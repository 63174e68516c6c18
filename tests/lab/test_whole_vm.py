"""The whole definition, started: firmware with and without Secure Boot, TPM, I/O thread, pinned vCPUs on CPUs that
are kept free, huge pages, the card; what the guest sees of it; and all of it given back, also when QEMU is killed."""

from __future__ import annotations

import re
import subprocess
import time
from itertools import count
from pathlib import Path

import pytest

from .conftest import NewMachine
from .machine import Machine
from .typed import driver, own_files, typed

pytestmark = pytest.mark.timeout(2400)

GPU, AUDIO = "0000:01:00.0", "0000:01:00.1"
IMAGES = "/var/lib/libvirt/images"
ISO, DRIVERS, SERIAL = f"{IMAGES}/lab-guest.iso", f"{IMAGES}/virtio-win.iso", "/var/log/libvirt/qemu/{}.firmware"
WHOLE = f"--iso {ISO} --virtio-iso {DRIVERS} --gpu 01:00.0 --memory 512M --cpus 2 --disk 1G --pin --hugepages --tpm"
PAGES = "grep -E '^HugePages_(Total|Free)' /proc/meminfo | awk '{print $2}'"
SLICES = ("system.slice", "user.slice")
THREADS = 'for task in /proc/{}/task/*; do echo "$(cat $task/comm)|$(grep Cpus_allowed_list $task/status)"; done'

# The guest has no agent here, so what asks for it is left out.
EJECT = """
from vdesk.host import this_machine
from vdesk.host.libvirt_conn import SYSTEM, Libvirt
from vdesk.plans.vm_install import finishing
from vdesk.vm.defined import read_defined
class Answering(Libvirt):
    def agent_answers(self, name):
        return True
libvirt = Answering(SYSTEM)
for step in finishing(this_machine(), libvirt, read_defined(libvirt.find("hoth").xml)):
    print(step.summary)
    step.do(print)
"""


def drivers_disc(folder: Path) -> bytes:
    """A disc that is laid out as the one with the VirtIO drivers."""
    inf = folder / "vioscsi/w10/amd64/vioscsi.inf"
    inf.parent.mkdir(parents=True)
    inf.write_text("; stands in for the driver\n")
    disc = folder.with_suffix(".iso")
    words = ["xorriso", "-as", "mkisofs", "-quiet", "-J", "-R", "-V", "virtio-win-0.1", "-o", str(disc), str(folder)]
    subprocess.run(words, check=True, capture_output=True)
    return disc.read_bytes()


@pytest.fixture
def machine(new_machine: NewMachine, tmp_path: Path) -> Machine:
    """Return a machine of four cores with the hook, a drivers' disc, and answers for Setup."""
    found = new_machine("four-cores")
    found.put(drivers_disc(tmp_path / "drivers"), DRIVERS)
    found.run("install -m 600 /dev/stdin /root/password", stdin=b"only for the lab\n", check=True)
    typed(found, "sudo vdesk hook install --yes")
    typed(found, "sudo vdesk answer-file /root/answers.xml --os win10 --user me --password-file /root/password --yes")
    return found


def create(machine: Machine, name: str, options: str, whole: str = WHOLE) -> None:
    """Define it as a user does; the lab puts all discs on the firmware's list: it connects no drive that it does not
    try to boot from."""
    typed(machine, f"sudo vdesk create {name} {whole} {options} --yes")
    xml = machine.run(f"virsh dumpxml --inactive {name}", check=True).out
    orders = count(2)
    plain = xml.replace("<boot order='2'/>", "")
    xml = re.sub("<readonly/>", lambda found: f"<readonly/><boot order='{next(orders)}'/>", plain)
    machine.put(xml.encode(), "/run/changed.xml")
    machine.run("virsh define --validate /run/changed.xml && rm /run/changed.xml", check=True)


def hears(machine: Machine, name: str, text: str, seconds: float = 900) -> str:
    """Wait until the guest says it; return all that it said, in one line each."""
    deadline, said = time.monotonic() + seconds, ""
    while text not in said:
        assert time.monotonic() < deadline, f"{name} said: {said}"
        time.sleep(3)
        said = machine.agent.run(f"tr -d '\\r' < {SERIAL.format(name)}", 60).out
    return said


def pages(machine: Machine) -> list[int]:
    """Return how many huge pages there are, and how many of them are free."""
    return [int(each) for each in machine.run(PAGES, check=True).out.split()]


def allowed(machine: Machine) -> list[str]:
    """Return the CPUs that the slices with this machine's own programs may use, as the kernel has it; a slice without
    limits has no file."""
    effective = "cpuset.cpus.effective"
    looks = (f"cat /sys/fs/cgroup/{each}/{effective} 2>/dev/null || cat /sys/fs/cgroup/{effective}" for each in SLICES)
    return machine.run("; ".join(looks), check=True).out.split()


def kept(machine: Machine) -> list[str]:
    """The machine's own files; libvirt gives a disc to QEMU's user and does not take it back."""
    return [each for each in own_files(machine) if DRIVERS not in each]


def wait_until_back(machine: Machine) -> None:
    """Until the hook has given back all that it took."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if pages(machine) == [0, 0] and driver(machine, AUDIO) == "snd_hda_intel":
            break
        time.sleep(1)
    assert pages(machine) == [0, 0]
    assert set(allowed(machine)) == {"0-3"}
    assert (driver(machine, GPU), driver(machine, AUDIO)) == ("", "snd_hda_intel")
    assert ".json" not in machine.run("ls /run/vdesk/hook").out


@pytest.mark.lab
def test_the_whole_definition(machine: Machine) -> None:
    files = kept(machine)
    create(machine, "hoth", "--os win10 --unattended /root/answers.xml")
    typed(machine, "sudo vdesk show hoth --cpus")
    typed(machine, "sudo vdesk start hoth --yes", timeout=900)

    # the host's side
    assert pages(machine)[0] == 256
    assert set(allowed(machine)) == {"0-1"}
    assert [driver(machine, each) for each in (GPU, AUDIO)] == ["vfio-pci", "vfio-pci"]
    pid = machine.get("/run/libvirt/qemu/hoth.pid").decode().strip()
    threads = [line.split("|") for line in machine.run(THREADS.format(pid), check=True).out.splitlines()]
    where = {name: cpus.split()[-1] for name, cpus in threads if cpus}  # a worker may have ended meanwhile
    assert [where[f"CPU {number}/TCG"] for number in range(2)] == ["2", "3"]
    assert where["IO iothread1"] == "0-1" and where["qemu-system-x86"] == "0-1"
    assert machine.run("pgrep -f 'swtpm.*hoth'").rc == 0

    # the guest's side: its devices, processors, disks, and the discs as Windows Setup finds them
    said = hears(machine, "hoth", "GUEST-DONE")
    machine.run(f"tr -d '\\r' < {SERIAL.format('hoth')} | grep -a -v -e '[.]mod'")
    assert "1002:5046" in said and "8086:293e" in said
    assert "GUEST-CORES 2 GUEST-THREADS 2" in said
    assert "1048576KiB" in said.replace("\n", "")
    assert "GUEST-DRIVERS cd" in said and "GUEST-ANSWERS cd" in said
    assert '<unattend xmlns="urn:schemas-microsoft-com:unattend"' in said and "drvload" in said
    assert machine.run(f"stat -c %a {IMAGES}/hoth-unattended.iso").out.strip() == "600"
    typed(machine, "sudo vdesk list")

    # as after an installation: the discs leave their drives, also of the running machine, and the answers go
    machine.put(EJECT.encode(), "/run/eject.py")
    machine.run("PYTHONPATH=/usr/lib/python3/dist-packages python3 /run/eject.py", check=True)
    xml = machine.run("virsh dumpxml hoth; virsh dumpxml --inactive hoth", check=True).out
    assert xml.count("device='cdrom'") == 6 and ".iso'" not in xml
    assert machine.run(f"test -e {IMAGES}/hoth-unattended.iso").rc == 1

    # QEMU dies
    machine.run(f"kill -9 {pid}", check=True)
    wait_until_back(machine)
    assert machine.run("virsh domstate hoth").out.strip() == "shut off"
    machine.run("tail -25 /var/log/vdesk/hook.log")
    typed(machine, "sudo vdesk delete hoth --disks --yes")
    assert machine.run(f"ls {IMAGES}; ls /var/lib/libvirt/swtpm /var/lib/libvirt/qemu/nvram").out.count("hoth") == 0
    assert kept(machine) == files


@pytest.mark.lab
def test_secure_boot(machine: Machine) -> None:
    """Windows 11's firmware really enforces: the lab's disc is not signed, and is denied. A stop gives all back."""
    create(machine, "eleven", "--os win11")
    started = typed(machine, "sudo vdesk start eleven --yes", timeout=900)
    assert "Secure Boot does not let eleven start its disc" in started.out
    said = hears(machine, "eleven", "Access Denied")
    assert "GUEST-BOOTED-EFI" not in said
    assert pages(machine)[0] == 256
    typed(machine, "sudo vdesk stop eleven --force --yes")
    wait_until_back(machine)
    typed(machine, "sudo vdesk undo --all --yes", timeout=600)
    assert machine.run("virsh list --all --name").out.strip() == ""
