"""vdesk: Windows in a virtual machine with a real graphics card, on a Linux desktop with two of them."""

__version__ = "0.1.0"
