"""Why the kernel's log could not be read, as a person is told it."""

from __future__ import annotations

import json
from pathlib import Path

from vdesk.host import captured
from vdesk.host.kernel_log import COMMANDS, kernel_log
from vdesk.host.recorded import COMMANDS as FILE

HINT = (
    "Hint: You are currently not seeing messages from other users and the system.\n"
    "      Users in groups 'adm', 'systemd-journal' can see all messages.\n"
    "      Pass -q to turn off this notice.\n"
)


def test_what_is_said_is_the_reason_and_not_its_last_line(tmp_path: Path) -> None:
    said = (HINT, "dmesg: read kernel buffer failed: Operation not permitted\n")
    answers = [
        {"argv": list(argv), "exit_code": 1, "stdout": "", "stderr": text}
        for argv, text in zip(COMMANDS, said, strict=True)
    ]
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text(json.dumps(answers))
    log = kernel_log(captured(str(tmp_path)))
    assert log.lines is None and "not seeing messages from other users" in log.reason
    assert "Operation not permitted" in log.reason and "turn off this notice" not in log.reason
