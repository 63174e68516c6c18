"""Running playbooks as a user does: ansible-playbook, the installed collection, an inventory; what the recap says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

TOP = Path(__file__).resolve().parents[2]
SOURCE = TOP / "packaging/ansible"
BIN = Path(sys.executable).parent
ROLE = "vdesk.passthrough.vdesk"
MODULE = "vdesk.passthrough.command"
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
Variables = dict[str, Any]


class Played(NamedTuple):
    """How a playbook ended: exit code, output, and of each host how many tasks changed it."""

    code: int
    out: str
    changed: dict[str, int]


class Controller:
    """A folder with the collection installed; nothing of this machine's Ansible is used."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.collections = folder, folder / "collections"
        self.path = f"{BIN}:{os.environ['PATH']}"
        self.settings: dict[str, str] = {}
        (folder / "ansible.cfg").write_text("[connection]\npipelining = true\n")
        self.run("ansible-galaxy", "collection", "install", SOURCE, "--offline", "-p", self.collections)

    @property
    def installed(self) -> Path:
        """Where the collection is."""
        return self.collections / "ansible_collections/vdesk/passthrough"

    def run(self, program: str, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of Ansible's programs."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "PATH": self.path,
            "HOME": str(self.folder),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_NOCOLOR": "1",
            **self.settings,
        }
        argv = [str(BIN / program), *map(str, words)]
        done = subprocess.run(
            argv, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=1400
        )
        assert done.returncode == 0 or not check, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
        return done

    def play(self, play: Variables | str, hosts: dict[str, Variables], *words: str) -> Played:
        """Run one play, given as YAML or as data, on these hosts with their variables."""
        book, inventory = self.folder / "book.yml", self.folder / "hosts.json"
        text = play if isinstance(play, str) else json.dumps([{"hosts": "all", "gather_facts": False, **play}])
        book.write_text(text, encoding="utf-8")
        inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
        done = self.run("ansible-playbook", "-i", inventory, book, *words, check=False)
        out = done.stdout + done.stderr
        recap = {name: int(changed) for name, changed, _, _ in RECAP.findall(out)}
        assert recap.keys() == hosts.keys(), out
        assert "Traceback" not in out
        return Played(done.returncode, out, recap)


def local(**variables: Any) -> Variables:
    """Return the variables of a host that is this machine, under this Python."""
    return {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables}
