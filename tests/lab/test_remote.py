"""`--connect qemu+ssh://`: a user without rights here, and root's libvirt behind a real sshd."""

from __future__ import annotations

import pytest

from .cache import log_folder
from .conftest import NewMachine
from .debs import fetch
from .machine import Machine
from .typed import USER, document, own_files, typed

pytestmark = [pytest.mark.lab_long, pytest.mark.timeout(1800)]
ISO = "/var/lib/libvirt/images/lab-guest.iso"
DISK = "/var/lib/libvirt/images/hoth.img"
FAR = "--connect qemu+ssh://root@127.0.0.1/system"
LOGIN = f"""set -e
sudo -u {USER} mkdir -m 700 -p /home/{USER}/.ssh
sudo -u {USER} ssh-keygen -q -t ed25519 -N '' -f /home/{USER}/.ssh/id_ed25519
mkdir -m 700 -p /root/.ssh
cat /home/{USER}/.ssh/id_ed25519.pub >> /root/.ssh/authorized_keys
systemctl start ssh
ssh-keyscan 127.0.0.1 > /home/{USER}/.ssh/known_hosts
"""


def report(machine: Machine) -> None:
    """The page of a machine with a virtual machine; it is kept beside the logs, to be looked at."""
    typed(machine, "sudo vdesk report -o /tmp/page.html")
    page = machine.get("/tmp/page.html")
    (log_folder() / "report.html").write_bytes(page)
    assert machine.run("stat -c '%U %a' /tmp/page.html").out.split() == [USER, "644"]
    text = page.decode("ascii")
    for word in ("hoth", "vCPU 0", "0000:01:00.0", "DMAR", "can be handed over", "The virtual machines"):
        assert word in text, word
    assert not [word for word in ("vdesk-lab", f"/home/{USER}") if word in text]


def test_a_libvirt_behind_ssh(new_machine: NewMachine) -> None:
    article = new_machine("four-cores")
    debs = fetch(article, "openssh-server")
    article.run("DEBIAN_FRONTEND=noninteractive apt-get install --yes " + " ".join(debs), 900, check=True)
    article.run(LOGIN, check=True)
    create = f"vdesk create hoth --iso {ISO} --os linux --gpu 01:00.0 --memory 512M --cpus 2 --pin --disk 16M --yes"
    article.run(create, 900, check=True)
    article.put(b"not to be touched", "/tmp/here")
    (row,) = document(article, f"vdesk list {FAR}")["data"]["machines"]
    local = document(article, "sudo vdesk list")["data"]["machines"][0]
    assert [(each["address"], each["driver"]) for each in row["devices"]] == [
        (each["address"], each["driver"]) for each in local["devices"]
    ]
    assert all(each["name"] not in ("", "unknown", "not there") for each in row["devices"])
    far = document(article, f"vdesk show hoth --cpus {FAR}")["data"]["cpu_map"]
    near = document(article, "sudo vdesk show hoth --cpus")["data"]["cpu_map"]
    assert far["pinned"] and [(core["cpus"], core["vcpus"]) for core in far["cores"]] == [
        (core["cpus"], core["vcpus"]) for core in near["cores"]
    ]
    report(article)
    started = typed(article, f"vdesk start hoth {FAR} --yes", timeout=900)
    assert "Not looked at: devices, memory and files" in started.out + started.err
    assert document(article, f"vdesk list {FAR}")["data"]["machines"][0]["state"] == "running"
    typed(article, f"vdesk stop hoth --force {FAR} --yes")
    assert document(article, "sudo vdesk list")["data"]["machines"][0]["state"] == "shut off"
    files = own_files(article)
    for line in ("delete hoth --disks", f"create two --iso {ISO}", "attach hoth 00:03.0"):
        assert "vm.far" in [each["id"] for each in document(article, f"vdesk {line} {FAR} --yes", 3)["errors"]]
    assert own_files(article) == files and article.run(f"test -s {DISK}").rc == 0
    typed(article, f"sudo -E vdesk delete hoth {FAR.replace('root@', '')} --dry-run", expect=3)  # root has no key
    own = f"cp -r /home/{USER}/.ssh/. /root/.ssh/ && cat /root/.ssh/*.pub > /root/.ssh/authorized_keys"
    article.run(own, check=True)
    typed(article, f"sudo vdesk delete hoth {FAR} --yes")
    assert article.run("virsh list --all --name").out.split() == [] and article.run(f"test -s {DISK}").rc == 0
    typed(article, "sudo vdesk undo --yes")
    assert article.run("virsh list --all --name").out.split() == ["hoth"]
