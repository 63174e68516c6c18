"""A time limit for each call to libvirt: a hook of anybody can hold the daemon for as long as it likes. A call given up
is not a call taken back: it stays queued there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from vdesk.host.signals import undisturbed
from vdesk.model.errors import VdeskError, problem

GRACE = 10.0
TICK = 10.0
"""Seconds between two words of `waiting`."""
Result = TypeVar("Result")


class LibvirtError(VdeskError):
    """libvirt answered with an error."""


def limited(
    what: str,
    seconds: float,
    call: Callable[[], Result],
    waiting: Callable[[float], None] | None = None,
    tick: float = TICK,
) -> Result:
    """The call's result; VdeskError when libvirt refuses, or does not answer within `seconds`. `waiting` hears every
    `tick` seconds how long it has been."""
    box: list[Result] = []
    failed: list[BaseException] = []
    ended = threading.Event()  # and no join: one that is interrupted takes the thread for ended (Python 3.11)

    def work() -> None:
        try:
            box.append(call())
        except BaseException as error:
            failed.append(error)
        finally:
            ended.set()

    try:
        with undisturbed():  # an interrupt in here would leave a call behind that nobody waits for
            threading.Thread(target=work, daemon=True).start()
        _wait(ended, seconds, waiting, tick)
    except KeyboardInterrupt:
        ended.wait(min(seconds, GRACE))  # it cannot be called back: what it does has to be known before the way back
        raise
    if not ended.is_set():
        raise LibvirtError(
            problem(
                "libvirt.timeout",
                f"libvirt did not answer within {seconds:.0f} s: {what}",
                "a libvirt hook is still running, or the daemon hangs; it may still do what was asked when it goes on",
                "wait until the hook has ended (journalctl -u libvirtd -u virtqemud), then look with: vdesk list",
            )
        )
    if failed:
        raise _translated(what, failed[0])
    return box[0]


def _wait(ended: threading.Event, seconds: float, waiting: Callable[[float], None] | None, tick: float) -> None:
    begin = time.monotonic()
    ended.wait(min(seconds, tick) if waiting else seconds)
    while waiting and not ended.is_set() and (passed := time.monotonic() - begin) < seconds:
        waiting(passed)
        ended.wait(min(tick, seconds - passed))


def _translated(what: str, error: BaseException) -> BaseException:
    if type(error).__name__ != "libvirtError":
        return error
    text = " ".join(str(error).removeprefix("internal error: ").split())
    return LibvirtError(problem("libvirt.refused", f"libvirt refused: {what}", text, _remedy(text)))


def _remedy(text: str) -> str:
    for sign, remedy in (
        ("is not active", "start the network with: sudo virsh net-start default"),
        ("firmware", "install the UEFI firmware with: sudo apt install ovmf"),
        ("swtpm", "install the TPM emulator with: sudo apt install swtpm swtpm-tools"),
        ("Permission denied", "put the file into /var/lib/libvirt/images, which QEMU's user may read"),
        ("in use by driver", "stop the machine that has the device: vdesk list"),
        ("not viable", "give the whole group to vfio-pci first: vdesk groups, then vdesk bind"),
        ("Hook script", "read what the hook said above, and look into /etc/libvirt/hooks"),
    ):
        if sign in text:
            return remedy
    return "look at the machine's log in /var/log/libvirt/qemu, and at: journalctl -u libvirtd -u virtqemud"
