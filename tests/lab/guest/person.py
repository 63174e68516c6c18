"""Somebody at a terminal of 80 columns: runs a command there, and answers its questions.

    person.py '[["question", "answer"], ...]' COMMAND [ARG...]

Each question is answered once, in this order; what is on the screen is printed, and the exit code is the command's. A
question that nobody expected ends it with 98."""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

QUIET = 1500.0
questions = json.loads(sys.argv[1])
pid, screen = pty.fork()
if pid == 0:
    os.environ.update(TERM="xterm", COLUMNS="80")
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
shown, looked, heard = "", 0, time.monotonic()
while time.monotonic() - heard < QUIET:
    if not select.select([screen], [], [], 1.0)[0]:
        continue
    try:
        data = os.read(screen, 1 << 16)
    except OSError:
        break
    if not data:
        break
    heard = time.monotonic()
    shown += data.decode(errors="replace")
    sys.stdout.write(data.decode(errors="replace").replace("\r", ""))
    sys.stdout.flush()
    place = shown.find(questions[0][0], looked) if questions else -1
    if place >= 0:
        looked = place + len(questions[0][0])
        os.write(screen, questions.pop(0)[1].encode() + b"\n")
else:
    print(f"\nperson: nothing happened for {QUIET:.0f} s; waited for {questions[:1]}")
    os.kill(pid, 15)
    os.waitpid(pid, 0)
    sys.exit(98)
print(f"\nperson: {len(questions)} questions were not asked: {questions}" if questions else "")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
