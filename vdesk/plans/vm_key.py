"""`Press any key to boot from CD`: answered at the first start, with an ear on what the firmware says."""

from __future__ import annotations

import time
from collections.abc import Callable

from vdesk.changes.change import Progress
from vdesk.host import Host
from vdesk.host.libvirt_conn import Libvirt
from vdesk.model.errors import VdeskError
from vdesk.vm import firmware_log as firmware

BLIND = 15.0
"""Seconds of pressing where the firmware cannot be heard, and after it started a disc whose question was not understood
(not every language asks in the same words)."""
LONGEST = 120.0
"""Seconds that the firmware may take to come to the disc: it tries the devices of a machine one after the other."""
ANSWERED = 3
"""Presses after the question was read; one is enough."""
TICK = 1.0


def answer(
    host: Host,
    libvirt: Libvirt,
    name: str,
    progress: Progress,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Press Enter until the disc's loader has gone on, and say how that ended: `asked` (the question was read, and
    answered), `started` or `unknown` (pressed for long enough), `stuck` or `denied`.

    Where the firmware found nothing to start, it is begun again, once: the key came too late. VdeskError where a
    machine takes no keys, because it has ended."""

    def press(since: int) -> str:
        begin = started = clock()
        asked = 0
        while True:
            libvirt.press_enter(name)
            wait(TICK)
            told = firmware.state(firmware.read(host, name, since))
            asked += told == firmware.ASKED
            started = clock() if told == firmware.WORKING else started
            late = clock() - started >= BLIND or clock() - begin >= LONGEST
            if told in (firmware.STUCK, firmware.DENIED) or asked > ANSWERED or late:
                return told

    told = press(0)
    if told != firmware.STUCK:
        return told
    progress(f"the firmware of {name} found nothing to start, as when the key comes too late: it begins again")
    heard = firmware.size(host, name)
    libvirt.reset(name)
    return press(heard)


def pressed(host: Host, libvirt: Libvirt, name: str, progress: Progress) -> str:
    """`answer`, where a machine that ended meanwhile and Ctrl-C are no failure: it has been started."""
    try:
        return answer(host, libvirt, name, progress)
    except VdeskError as error:
        progress(error.problems[0].cause)
    except KeyboardInterrupt:
        pass
    return firmware.UNKNOWN
