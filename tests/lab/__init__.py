"""The lab: passthrough without the hardware, on an emulated machine with a real kernel, GRUB, libvirt and vfio.

`machine.Machine` is the machine, `image` makes its disk, `topologies` says what it is made of, `README.md`
has the rest.
"""
