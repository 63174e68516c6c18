"""What goes wrong when a function changes its driver, in words."""

from __future__ import annotations

from vdesk.model.errors import TimedOut, VdeskError, problem


def gone(address: str) -> VdeskError:
    """The function has fallen off the bus."""
    return VdeskError(
        problem(
            "driver.vanished",
            f"{address} is not there any more",
            "the device was removed, or has fallen off the bus",
            "look for it with: vdesk groups; a card that is gone comes back after a full power-off",
        )
    )


def held(address: str, driver: str, seconds: float, error: TimedOut) -> VdeskError:
    """The driver did not let go within its time; `error` tells which process waits."""
    return VdeskError(
        problem(
            "driver.held",
            f"{driver} did not let go of {address} within {seconds:.0f} s",
            f"{error.cause}; it goes back to its driver by itself when that returns",
            f"close what uses the device (fuser -v /dev/snd/* /dev/dri/*), then bind {address} again",
        )
    )
