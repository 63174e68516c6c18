"""What to give back, one file per domain, written before anything is changed."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time

from .domain import ADDRESS, numbers
from .look import Fact
from .machine import LOCK_SECONDS, MOMENT_SECONDS, Machine, Trouble

FOLDER = "run/vdesk/hook"
NAME = re.compile(r"[\w.-]{0,64}", re.ASCII)
CONSOLE = re.compile(r"vtcon\d{1,3}", re.ASCII)
FRAMEBUFFER = re.compile(r"(?:efi|simple|vesa)-framebuffer\.\d{1,3} (?:efi|simple|vesa)-framebuffer", re.ASCII)
NVIDIA_USERS = ("nvidia_peermem", "nvidia_fs")  # they use nvidia for other devices: InfiniBand, GPUDirect Storage
NVIDIA_MODULES = (*NVIDIA_USERS, "nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia")  # in the order to unload them
NVIDIA_SERVICES = ("nvidia-persistenced.service", "nvidia-powerd.service")
SLICES = ("system.slice", "user.slice", "init.scope")


class State:
    """What was taken for the domain of a uuid: functions as they were, NVIDIA's modules and services, consoles
    (`vtcon0`) and framebuffers (`efi-framebuffer.0 efi-framebuffer`: device and driver), huge pages, CPUs kept free and
    what the slices could use before, and whether the desktop was ended."""

    def __init__(self, machine: Machine, uuid: str) -> None:
        self.machine, self.path = machine, f"{FOLDER}/{uuid}.json"
        self.functions: dict[str, Fact] = {}
        self.modules: list[str] = []
        self.services: list[str] = []
        self.consoles: list[str] = []
        self.framebuffers: list[str] = []
        self.pages = self.new_pages = 0
        self.pages_by = ""
        """A child that could not be ended while it made pages or let them go."""
        self.pages_below = 0
        """How many pages there were without those of the domain when it was left behind."""
        self.desktop = False
        self.pins: list[int] = []
        self.slices: dict[str, str] = {}
        try:
            self._read()
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            machine.say(f"/{self.path} cannot be used and is left out: {error}")

    @property
    def empty(self) -> bool:
        """Whether there is nothing to give back."""
        taken = (self.functions, self.modules, self.services, self.consoles, self.framebuffers, self.pages, self.pins)
        return not (any(taken) or self.desktop)

    def _read(self) -> None:
        handle = os.open(self.machine.place(self.path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            found = json.loads(file.read(1 << 20))
        functions = {str(address): _checked(address, fact) for address, fact in found["functions"].items()}
        self.modules = [name for name in NVIDIA_MODULES if name in found["modules"]]
        self.services = [name for name in NVIDIA_SERVICES if name in found["services"]]
        self.functions = functions
        self.consoles = [str(name) for name in found.get("consoles", ()) if CONSOLE.fullmatch(str(name))]
        self.framebuffers = [str(each) for each in found.get("framebuffers", ()) if FRAMEBUFFER.fullmatch(str(each))]
        self.desktop = found.get("desktop") is True
        self.pages, self.pages_below = _pages(found.get("pages", 0)), _pages(found.get("pages_below", 0))
        self.pages_by = str(found.get("pages_by", ""))[:64]
        self.pins = numbers(" ".join(str(each) for each in found.get("pins", ())))
        slices = found.get("slices", {})
        self.slices = {each: " ".join(map(str, numbers(str(slices[each])))) for each in SLICES if each in slices}

    def save(self) -> None:
        """Write it, whole or not at all, and fsync; no file when there is nothing to give back. OSError when full."""
        place = self.machine.place(self.path)
        for name in (place, f"{place}.new") if self.empty else (f"{place}.new",):
            if os.path.lexists(name):
                os.unlink(name)
        if self.empty:
            return
        kept: dict[str, object] = {"functions": self.functions, "modules": self.modules, "services": self.services}
        kept |= {"consoles": self.consoles, "framebuffers": self.framebuffers}
        kept |= {"pages_by": self.pages_by, "pages_below": self.pages_below} if self.pages_by else {}
        kept |= {"pages": self.pages, "pins": self.pins, "slices": self.slices, "desktop": self.desktop}
        handle = os.open(f"{place}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as file:
            file.write(json.dumps(kept, indent=1).encode())
            file.flush()
            os.fsync(handle)
        os.replace(f"{place}.new", place)


def _pages(found: object) -> int:
    return min(max(0, int(str(found))), 1 << 24)


def _checked(address: str, fact: Fact) -> Fact:
    named = [fact["driver"], fact["override"], fact["d3cold"]]
    if not ADDRESS.fullmatch(address) or fact["address"] != address or not all(map(NAME.fullmatch, named)):
        raise ValueError(f"no function: {address}")
    return {str(key): str(text) for key, text in fact.items()}


def own_folder(machine: Machine) -> int:
    """Make the folder of the states, and return its lock, taken; Trouble when it is not root's alone, or is held."""
    place = machine.place(FOLDER)
    os.makedirs(place, 0o700, exist_ok=True)
    for folder in (os.path.dirname(place), place):
        found = os.lstat(folder)
        if os.path.islink(folder) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise Trouble(f"{folder} can be written by others than root; see who made it, and remove it")
    handle = os.open(f"{place}/lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    while not _locked(handle):
        if machine.left(LOCK_SECONDS) <= MOMENT_SECONDS:
            raise Trouble("the devices of another virtual machine are being moved just now; try again in a moment")
        time.sleep(0.1)
    return handle


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
