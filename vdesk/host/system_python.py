"""The system's own Python: it runs what vdesk leaves on the host, the hook and the program that binds at boot. It may
be another one than vdesk's: on RHEL 9 vdesk has python3.11, and /usr/bin/python3 is 3.9."""

from __future__ import annotations

import re

from vdesk.host.host import Host
from vdesk.model.errors import HostError, Refused, problem

PYTHON = "/usr/bin/python3"
OLDEST = (3, 9)
"""What the two programs need: os.pidfd_open, os.waitstatus_to_exitcode, str.removeprefix, dict | dict."""
ASK = (PYTHON, "-IS", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
SECONDS = 20.0


def version(host: Host) -> tuple[int, int] | None:
    """Major and minor number; None where it was not told."""
    try:
        answer = host.run(ASK, timeout=SECONDS)
    except HostError:
        return None
    found = re.fullmatch(r"(\d{1,3})\.(\d{1,3})\s*", answer.stdout)
    return (int(found.group(1)), int(found.group(2))) if found and not answer.exit_code else None


def refuse_old(host: Host, what: str) -> None:
    """Refused where it is known to be too old to run `what`."""
    found = version(host)
    if found is None or found >= OLDEST:
        return
    shown, oldest = (".".join(map(str, each)) for each in (found, OLDEST))
    raise Refused(
        problem(
            "python.too-old",
            f"{PYTHON} is Python {shown}, which cannot run {what}",
            f"it needs Python {oldest} or later, and the system's own, whichever runs vdesk",
            "use a release of the distribution that has a newer one; until then, before each start: vdesk bind ADDR",
        )
    )
