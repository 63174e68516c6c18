"""A desktop with an IOMMU, in QEMU's own emulation: real kernel, real groups, real GRUB, real libvirt, no KVM needed.

with Machine("article") as machine:
    print(machine.run("lspci -nnk").out)
    machine.reboot()

Every Machine writes to its own disk, thrown away at the end; the base image and the saved states stay as they are.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from . import qemu, states
from .cache import remove_stale, run_folder
from .channel import Agent, Monitor, Reply
from .disk import said
from .errors import INT3, EmulatorBroke, LabError
from .image import base_image
from .install import VDESK_TARGET, vdesk_tar
from .topologies import TOPOLOGIES
from .transcript import Transcript

SOCKETS = ("agent.sock", "serial.sock", "qmp.sock")


class Machine:
    """An emulated machine; `with` powers it on and, at the end, off without a word.

    state: what to wake up in, one of states.STATES (made on first use) or a name given to save(); None boots cold, as
    does a topology that cannot be saved. log: a file that keeps every command with its output.
    """

    def __init__(
        self, topology: str = "article", image: str = "trixie", state: str | None = "ready",
        memory: int = qemu.MEMORY_MIB, extra: Sequence[str] = (), log: Path | None = None,
    ) -> None:  # fmt: skip
        self.hardware = states.Hardware(topology, image, memory, tuple(extra))
        self.state = state
        self.transcript = Transcript(log)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Machine:
        hardware = self.hardware
        state = self.state if TOPOLOGIES[hardware.topology].can_save else None
        if not base_image(hardware.suite).exists():
            raise LabError(f"no image: run `python3 -m tests.lab.image {hardware.suite}` at the top of the checkout")
        if state:
            self._need_state(state)
        self.work = Path(tempfile.mkdtemp(prefix=f"{hardware.topology}.", dir=run_folder()))
        self.disk = self.work / "disk.qcow2"
        try:
            if state:
                states.copy(hardware.state_file(state), self.disk)
            else:
                base = base_image(hardware.suite)
                qemu.image_tool("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, self.disk)
            self.start(wake=bool(state))
            if not state:
                self.wait_settled()
            if self.state and not state:
                self._prepare(*states.lineage(self.state)[1:])
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    # --- power
    def start(self, wake: bool = False) -> None:
        """Power on: after shutdown() or crash() on the disk as it was left."""
        begin = time.monotonic()
        self._power_on(*(("-loadvm", qemu.SNAPSHOT) if wake else ()))
        assert self.process
        try:
            self.monitor = Monitor(self.work / "qmp.sock", self.process)
            self.agent = Agent(self.work / "agent.sock", self.process)
            if wake:
                self.agent.run(f"date -s @{time.time():.3f}", 60).check()
            else:
                self._wait_boot()
        except LabError as problem:
            raise self._explained(problem) from None
        self.transcript.note(f"{'woken' if wake else 'booted'} in {time.monotonic() - begin:.0f} s")

    def reboot(self, timeout: float = 900) -> None:
        """The whole way: systemd stops, firmware, GRUB, kernel, until the boot's jobs are done."""
        begin = time.monotonic()
        self.agent.post("systemctl reboot")
        try:
            self._wait_boot(timeout)
        except LabError as problem:
            raise self._explained(problem) from None
        self.wait_settled()
        self.transcript.note(f"rebooted in {time.monotonic() - begin:.0f} s")

    def shutdown(self, timeout: float = 300) -> None:
        """Power off as a person does; start() powers on again."""
        assert self.process
        self.agent.post("systemctl poweroff")
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise self._explained(LabError(f"the machine was not off after {timeout:.0f} s")) from None

    def crash(self) -> None:
        """Power loss: what the kernel had not written yet is gone. start() powers on again."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.transcript.note("power cut")

    def cut_boot(self, seconds: float) -> None:
        """Power on, and the power is gone again that many seconds later, however far the boot has come."""
        self._power_on()
        time.sleep(seconds)
        self.crash()

    def wait_settled(self, timeout: float = 600) -> str:
        """Return `running` or `degraded`, when every job of the boot is done."""
        # systemd does not wait for the drivers that udev is still loading.
        return self.agent.run("udevadm settle; systemctl is-system-running --wait", timeout).out.strip()

    # --- commands and files
    def run(
        self, command: str, timeout: float = 300, check: bool = False, user: str | None = None,
        stdin: bytes = b"", env: dict[str, str] | None = None,
    ) -> Reply:  # fmt: skip
        """Run a bash command inside, as root unless a user is named."""
        sent = base64.b64encode(stdin).decode()
        try:
            reply = self.agent.run(command, timeout, user=user, stdin=sent, env=env or {})
        except LabError as problem:
            self.transcript.note(f"{command}: {problem}")
            raise self._explained(problem) from None
        self.transcript.command(reply, user or "root")
        return reply.check() if check else reply

    def put(self, local: str | os.PathLike[str] | bytes, remote: str, mode: int = 0o644) -> None:
        """Write a file inside, from a file here or from bytes."""
        self.agent.put(local if isinstance(local, bytes) else Path(local).read_bytes(), remote, mode)

    def get(self, remote: str) -> bytes:
        """Return the content of a file inside."""
        return self.agent.get(remote)

    def install_vdesk(self) -> None:
        """Put this checkout's vdesk where a package puts it, byte-compiled as a package's postinst does."""
        self.put(vdesk_tar(), "/tmp/vdesk.tar")
        unpack = "tar -C / --no-same-owner -xf /tmp/vdesk.tar && rm /tmp/vdesk.tar"
        self.agent.run(f"{unpack} && python3 -m compileall -q {VDESK_TARGET}", 300).check()

    # --- screen and keyboard
    @property
    def console(self) -> str:
        """What the serial console has said since the machine was made."""
        return said(self.work / "serial.log")

    def wait_console(self, text: str, timeout: float = 120) -> None:
        """Until the text is on the serial console."""
        deadline = time.monotonic() + timeout
        while text not in self.console:
            if time.monotonic() > deadline:
                raise self._explained(LabError(f"{text!r} did not appear on the console within {timeout:.0f} s"))
            time.sleep(0.2)

    def sendkeys(self, *keys: str) -> None:
        """Press keys by QEMU's names, combined with '-': sendkeys("ctrl-alt-f2"), sendkeys("e", "ret")."""
        for key in keys:
            self.qmp("send-key", keys=[{"type": "qcode", "data": part} for part in key.split("-")])
            time.sleep(0.15)

    def screenshot(self, target: str | os.PathLike[str]) -> None:
        """Write a PNG of the first screen."""
        self.qmp("screendump", filename=str(target), format="png")

    def insert_cd(self, image: str | os.PathLike[str]) -> None:
        """Put a CD into the drive (/dev/sr0): a large file gets in faster this way than through put()."""
        self.qmp("blockdev-change-medium", id="cd0", filename=str(image), format="raw")

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Return what a command of QEMU's monitor returns."""
        return self.monitor.command(command, **arguments)

    # --- saved states
    def save(self, name: str) -> None:
        """Freeze the running machine under this name. It is over afterwards: open a new one with state=name."""
        if not TOPOLOGIES[self.hardware.topology].can_save:
            raise LabError(f"QEMU cannot save a running {self.hardware.topology} machine")
        # What is free and zero takes no room in the file.
        self.agent.run("sync; echo 3 > /proc/sys/vm/drop_caches; fstrim /", 120).check()
        self.qmp("stop")
        self.monitor.human(f"delvm {qemu.SNAPSHOT}")  # the state that this machine was woken from
        said = self.monitor.human(f"savevm {qemu.SNAPSHOT}").strip()
        if said:
            raise LabError(f"QEMU could not save the machine: {said}")
        self.qmp("quit")
        assert self.process
        self.process.wait(60)
        target = self.hardware.state_file(name)
        shutil.move(self.disk, target)
        remove_stale(target.parent, self.hardware.state_stem(name) + "*.qcow2", target)

    # --- private
    def _power_on(self, *more: str) -> None:
        for name in SOCKETS:
            (self.work / name).unlink(missing_ok=True)
        words = self.hardware.command(self.work, f"file={self.disk},format=qcow2")
        self.process = qemu.launch([*words, *more], self.work / "qemu.log")

    def _wait_boot(self, timeout: float = 900) -> None:
        seen = self.console.count(INT3)
        try:
            self.agent.wait_boot(timeout, lambda: self.console.count(INT3) > seen)
        except EmulatorBroke as problem:
            self.transcript.note(str(problem))
            self.crash()
            self.start()

    def _need_state(self, name: str) -> None:
        """Make a state that is missing, its parents first."""
        if self.hardware.state_file(name).exists():
            return
        if name not in states.STATES:
            raise LabError(f"no saved state {name!r} of {self.hardware.topology}; it is made by Machine.save({name!r})")
        recipe, hardware = states.STATES[name], self.hardware
        parent = Machine(hardware.topology, hardware.suite, recipe.parent, hardware.memory, hardware.extra)
        with parent as machine:
            machine._prepare(*recipe.steps)
            machine.save(name)

    def _prepare(self, *steps: str) -> None:
        for step in steps:
            if step == states.REBOOT:
                self.reboot()
            elif step not in states.STATES:  # a lineage names the states on the way
                self.agent.run(step, 300).check()

    def _explained(self, problem: LabError) -> LabError:
        log = said(self.work / "qemu.log")
        return LabError(f"{problem}\n{log}\nlast lines of the console:\n{self.console[-2000:]}")

    def _end(self) -> None:
        qemu.end(self.process)
        self.transcript.keep_console(self.work / "serial.log")
        shutil.rmtree(self.work, ignore_errors=True)
