"""`vdesk gpu rom`: read a card's ROM, say what it is good for, and keep a copy."""

from __future__ import annotations

from vdesk.host import Host, this_machine
from vdesk.host.handing import require_folder, save
from vdesk.host.option_rom import KINDS, Fault, faults, has_uefi, images
from vdesk.host.pci import Device, devices, find
from vdesk.host.rom_reader import is_shadow, read
from vdesk.host.trust import refuse_foreign_code
from vdesk.model.address import Address
from vdesk.model.errors import FAILED, Absent, NeedsRoot, Problem, Refused, VdeskError, WrongUsage, problem
from vdesk.model.finding import WARN, finding
from vdesk.model.report import PLANNED, ChangeView, Report

WITHOUT = (
    "laptops keep it in their firmware; or the firmware gave it no address: then a dump made elsewhere (GPU-Z) of this "
    "very card is what vdesk create --rom takes"
)
NO_GOP = (
    "It has no part for UEFI (GOP): the card shows a picture under a legacy BIOS only, and in a virtual "
    "machine with UEFI when Windows has loaded its driver."
)


def rom(host: Host, address: Address, target: str | None, *, dry_run: bool = False) -> Report:
    """Read and judge; with `target` (an absolute path on this machine) save it there, if it is whole or not, never
    over another file, and in a dry run not at all. Raises WrongUsage, NeedsRoot, and Refused for a card without a ROM;
    exit 1 for a broken one."""
    device = find(devices(host, names=False), address)
    place = target.lstrip("/") if target is not None else None
    if place is not None and this_machine().exists(place):
        raise WrongUsage(_there(target or ""))
    if target is not None:
        require_folder(target)
    if host.needs_root:
        raise NeedsRoot(
            problem("root.needed", "a ROM is read by root only", "it has to be switched on first", "run it with sudo")
        )
    refuse_foreign_code(host)  # also in a dry run: what reads a ROM switches it on
    data = _read(host, device)
    found, told = images(data), faults(data, device.vendor, device.device)
    if is_shadow(host, device):
        told.append(Fault("it is the copy that the firmware left in memory, not the card's own", False))
    report = Report("gpu rom", data=_data(device, data, told))
    bad = any(each.bad for each in told)
    for each in told:
        _tell(report, device, each)
    if place is not None and found and dry_run:
        summary = f"write the ROM of {address} to {target}, {len(data) >> 10} KiB"
        report.changes.append(ChangeView("rom", target or "", summary, state=PLANNED))
    elif place is not None and found:
        if not save(target or "", data):
            raise WrongUsage(_there(target or ""))
        report.data["file"] = target
        use = "" if bad else f"; a virtual machine gets it with: vdesk create NAME --rom {target}"
        report.notes.append(f"Saved as {target}{use}")
    if not bad and not has_uefi(found):
        report.notes.append(NO_GOP)
    return report


def _tell(report: Report, device: Device, fault: Fault) -> None:
    """An error for what makes the ROM useless, a finding for what a person should know."""
    what = f"the ROM of {device.address} is not to be trusted"
    if fault.bad:
        report.errors.append(problem("gpu.rom-broken", what, fault.text, _instead(device)))
        report.exit_code = FAILED
    else:
        address = str(device.address)
        report.findings.append(
            finding(
                "gpu.rom",
                WARN,
                f"the ROM may not be as the card has it: {fault.text}",
                cause="firmware changes the copy that it keeps, and drivers change it too",
                remedy=_instead(device),
                evidence=f"/{device.path}/rom",
                device=address,
            )
        )


def _read(host: Host, device: Device) -> bytes:
    try:
        return read(host, device)
    except Absent:
        raise Refused(
            problem(
                "gpu.no-rom",
                f"{device.address} has no ROM that can be read",
                f"/{device.path}/rom is not there",
                WITHOUT,
            )
        ) from None
    except VdeskError as error:
        cause = error.problems[0].cause
        remedy = f"look at the kernel's words with: journalctl -k -b | grep {device.address}"
        raise VdeskError(
            problem("gpu.rom-unreadable", f"the ROM of {device.address} could not be read", cause, remedy)
        ) from error


def _data(device: Device, data: bytes, told: list[Fault]) -> dict[str, object]:
    import hashlib

    found = images(data)
    return {
        "address": str(device.address),
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "uefi": has_uefi(found),
        "images": [
            {
                "kind": KINDS.get(each.code, f"code {each.code:#x}"),
                "bytes": each.length,
                "vendor": each.vendor,
                "device": each.device,
            }
            for each in found
        ],
        "faults": [each.text for each in told],
        "file": None,
    }


def _instead(device: Device) -> str:
    if device.boot_vga:
        return "boot with another card as the primary one, and read it again; the firmware then leaves this one's alone"
    return "power the machine off and on, and read it again before anything has used the card"


def _there(target: str) -> Problem:
    return problem(
        "usage.file-exists", f"{target} is there already", "nothing is ever written over", "name another file"
    )
