"""Ansible's connection to the lab's machine: over the machine's own channel, which the test holds and passes on."""

from __future__ import annotations

import base64
import json
import shlex
import socket
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
    name: lab
    short_description: the lab's emulated machine
    description: Commands and files go through the UNIX socket of the test that holds the machine.
    author: The vdesk authors
    options:
      socket:
        description: The path of the socket.
        vars:
          - name: lab_socket
        required: true
      remote_user:
        description: Whose commands these are.
        vars:
          - name: ansible_user
        default: root
"""


class Connection(ConnectionBase):  # type: ignore[misc]
    """Each command is one request of its own; nothing is kept open."""

    transport = "lab"
    has_pipelining = True

    def _connect(self) -> Connection:
        return self

    def close(self) -> None:
        """Nothing is open."""

    def reset(self) -> None:
        """Nothing is kept."""

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command as the user, and return its exit code and what it said."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._run(cmd, in_data or b"")

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the machine, as the user."""
        super().put_file(in_path, out_path)
        code, _, said = self._run(f"cat > {shlex.quote(out_path)}", Path(in_path).read_bytes())
        if code:
            raise AnsibleConnectionFailure(said.decode(errors="replace"))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the machine, as the user."""
        super().fetch_file(in_path, out_path)
        code, content, said = self._run(f"cat {shlex.quote(in_path)}", b"")
        if code:
            raise AnsibleConnectionFailure(said.decode(errors="replace"))
        Path(out_path).write_bytes(content)

    def _run(self, command: str, data: bytes) -> tuple[int, bytes, bytes]:
        user = self.get_option("remote_user")
        answer = self._ask({"cmd": command, "stdin": base64.b64encode(data).decode(), "user": user})
        if "problem" in answer:
            raise AnsibleConnectionFailure(answer["problem"])
        return answer["rc"], base64.b64decode(answer["out"]), base64.b64decode(answer["err"])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as end:
            try:
                end.connect(self.get_option("socket"))
                end.sendall(json.dumps(request).encode() + b"\n")
                text = end.makefile("rb").readline()
            except OSError as problem:
                raise AnsibleConnectionFailure(f"the test has let go of the machine: {problem}") from problem
        return dict(json.loads(text))
