"""pci.ids and the modules of the kernel, reduced to the devices of a machine."""

from __future__ import annotations

from tests.machines.parts import Machine, Tree

VENDORS = {
    "1002": "Advanced Micro Devices, Inc. [AMD/ATI]",
    "1022": "Advanced Micro Devices, Inc. [AMD]",
    "10de": "NVIDIA Corporation",
    "10ec": "Realtek Semiconductor Co., Ltd.",
    "144d": "Samsung Electronics Co Ltd",
    "1b21": "ASMedia Technology Inc.",
    "8086": "Intel Corporation",
}
NAMES = {
    "1002:67df": "Ellesmere [Radeon RX 470/480/570/570X/580/580X/590]",
    "1002:aaf0": "Ellesmere HDMI Audio [Radeon RX 470/480 / 570/580/590]",
    "1022:1480": "Starship/Matisse Root Complex",
    "1022:1481": "Starship/Matisse IOMMU",
    "1022:1482": "Starship/Matisse PCIe Dummy Host Bridge",
    "1022:1483": "Starship/Matisse GPP Bridge",
    "1022:1484": "Starship/Matisse Internal PCIe GPP Bridge 0 to bus[E:B]",
    "1022:1485": "Starship/Matisse Reserved SPP",
    "1022:1487": "Starship/Matisse HD Audio Controller",
    "1022:149c": "Matisse USB 3.0 Host Controller",
    "1022:790b": "FCH SMBus Controller",
    "1022:790e": "FCH LPC Bridge",
    "10de:0fba": "GM206 High Definition Audio Controller",
    "10de:10f1": "GP106 High Definition Audio Controller",
    "10de:1402": "GM206 [GeForce GTX 950]",
    "10de:1c03": "GP106 [GeForce GTX 1060 6GB]",
    "10de:1c8d": "GP107M [GeForce GTX 1050 Mobile]",
    "10de:228b": "GA104 High Definition Audio Controller",
    "10de:228e": "GA106 High Definition Audio Controller",
    "10de:2484": "GA104 [GeForce RTX 3070]",
    "10de:2504": "GA106 [GeForce RTX 3060 Lite Hash Rate]",
    "10ec:8168": "RTL8111/8168/8411 PCI Express Gigabit Ethernet Controller",
    "144d:a808": "NVMe SSD Controller SM981/PM981/PM983",
    "1b21:1042": "ASM1042 SuperSpeed USB Host Controller",
    "1b21:1080": "ASM1083/1085 PCIe to PCI Bridge",
    "8086:10d3": "82574L Gigabit Network Connection",
    "8086:1521": "I350 Gigabit Network Connection",
    "8086:1520": "I350 Ethernet Controller Virtual Function",
    "8086:15b8": "Ethernet Connection (2) I219-V",
    "8086:15f3": "Ethernet Controller I225-V",
    "8086:1901": "6th-10th Gen Core Processor PCIe Controller (x16)",
    "8086:1910": "Xeon E3-1200 v5/E3-1500 v5/6th Gen Core Processor Host Bridge/DRAM Registers",
    "8086:191f": "Xeon E3-1200 v5/E3-1500 v5/6th Gen Core Processor Host Bridge/DRAM Registers",
    "8086:1912": "HD Graphics 530",
    "8086:24fd": "Wireless 8265 / 8275",
    "8086:3e10": "8th Gen Core 4-core Processor Host Bridge/DRAM Registers [Coffee Lake H]",
    "8086:3e9b": "CoffeeLake-H GT2 [UHD Graphics 630]",
    "8086:460d": "12th Gen Core Processor PCI Express x16 Controller #1",
    "8086:464d": "12th Gen Core Processor PCI Express x4 Controller #0",
    "8086:4660": "12th Gen Core Processor Host Bridge",
    "8086:4680": "AlderLake-S GT1",
    "8086:7a84": "Z690 Chipset LPC/eSPI Controller",
    "8086:7aa3": "Alder Lake-S PCH SMBus Controller",
    "8086:7ad0": "Alder Lake-S HD Audio Controller",
    "8086:7ae0": "Alder Lake-S PCH USB 3.2 Gen 2x2 XHCI Controller",
    "8086:7ab8": "Alder Lake-S PCH PCI Express Root Port #1",
    "8086:a102": "Q170/Q150/B150/H170/H110/Z170/CM236 Chipset SATA Controller [AHCI Mode]",
    "8086:a110": "100 Series/C230 Series Chipset Family PCI Express Root Port #1",
    "8086:a114": "100 Series/C230 Series Chipset Family PCI Express Root Port #5",
    "8086:a118": "100 Series/C230 Series Chipset Family PCI Express Root Port #9",
    "8086:a121": "100 Series/C230 Series Chipset Family Power Management Controller",
    "8086:a123": "100 Series/C230 Series Chipset Family SMBus",
    "8086:a12f": "100 Series/C230 Series Chipset Family USB 3.0 xHCI Controller",
    "8086:a131": "100 Series/C230 Series Chipset Family Thermal Subsystem",
    "8086:a13a": "100 Series/C230 Series Chipset Family MEI Controller #1",
    "8086:a144": "H170 Chipset LPC/eSPI Controller",
    "8086:a170": "100 Series/C230 Series Chipset Family HD Audio Controller",
    "8086:a30d": "HM470 Chipset LPC/eSPI Controller",
    "8086:a348": "Cannon Lake PCH cAVS",
    "8086:a36d": "Cannon Lake PCH USB 3.1 xHCI Host Controller",
    "8086:a338": "Cannon Lake PCH PCI Express Root Port #1",
    "8086:a340": "Cannon Lake PCH PCI Express Root Port #17",
}
CLASSES = """C 01  Mass storage controller
\t06  SATA controller
\t08  Non-Volatile memory controller
C 02  Network controller
\t00  Ethernet controller
\t80  Network controller
C 03  Display controller
\t00  VGA compatible controller
\t02  3D controller
\t80  Display controller
C 04  Multimedia controller
\t03  Audio device
C 05  Memory controller
\t80  Memory controller
C 06  Bridge
\t00  Host bridge
\t01  ISA bridge
\t04  PCI bridge
C 07  Communication controller
\t80  Communication controller
C 08  Generic system peripheral
\t06  IOMMU
C 0c  Serial bus controller
\t03  USB controller
\t05  SMBus
C 11  Signal processing controller
\t80  Signal processing controller
"""
ALIASES = {
    "pci:v000010DEd*sv*sd*bc03sc00i00*": ("nvidia", "nouveau"),
    "pci:v000010DEd*sv*sd*bc03sc02i00*": ("nvidia", "nouveau"),
    "pci:v00001002d*sv*sd*bc03sc*i*": ("amdgpu",),
    "pci:v00008086d*sv*sd*bc03sc*i*": ("i915",),
    "pci:v*d*sv*sd*bc04sc03i00*": ("snd_hda_intel",),
    "pci:v*d*sv*sd*bc0Csc03i30*": ("xhci_pci",),
    "pci:v*d*sv*sd*bc01sc06i01*": ("ahci",),
    "pci:v*d*sv*sd*bc01sc08i02*": ("nvme",),
    "pci:v00008086d0000*sv*sd*bc02sc00i*": ("e1000e",),
    "pci:v000010ECd00008168sv*sd*bc*sc*i*": ("r8169",),
    "vfio_pci:v*d*sv*sd*bc*sc*i*": ("vfio-pci",),
}
VFIO = "kernel/drivers/vfio"
DEPENDENCIES = f"""{VFIO}/vfio.ko:
{VFIO}/vfio_iommu_type1.ko: {VFIO}/vfio.ko
{VFIO}/pci/vfio-pci-core.ko: {VFIO}/vfio.ko
{VFIO}/pci/vfio-pci.ko: {VFIO}/pci/vfio-pci-core.ko {VFIO}/vfio.ko
kernel/drivers/gpu/drm/nouveau/nouveau.ko:
"""
BUILT_IN = f"{VFIO}/vfio.ko\n{VFIO}/vfio_iommu_type1.ko\n{VFIO}/pci/vfio-pci-core.ko\n{VFIO}/pci/vfio-pci.ko\n"


def write_names(machine: Machine, tree: Tree) -> None:
    """usr/share/misc/pci.ids of the devices there are."""
    lines = ["#\n#\tReduced to the devices of this machine.\n#\n"]
    used = sorted({each.ids for each in machine.pci})
    for vendor in sorted({ids[:4] for ids in used}):
        lines.append(f"{vendor}  {VENDORS[vendor]}\n")
        lines += [f"\t{ids[5:]}  {NAMES[ids]}\n" for ids in used if ids.startswith(vendor)]
    tree["usr/share/misc/pci.ids"] = "".join(lines) + CLASSES


def write_modules(machine: Machine, tree: Tree) -> None:
    """lib/modules/REL: modules.alias, modules.dep, modules.builtin; and sys/module of what drives something."""
    folder = f"lib/modules/{machine.distribution.kernel}"
    text = "# Aliases extracted from modules themselves.\n"
    text += "".join(f"alias {pattern} {module}\n" for pattern, modules in ALIASES.items() for module in modules)
    tree[f"{folder}/modules.alias"] = text
    built_in = machine.distribution.vfio_built_in
    tree[f"{folder}/modules.dep"] = DEPENDENCIES.splitlines(True)[-1] if built_in else DEPENDENCIES
    tree[f"{folder}/modules.builtin"] = BUILT_IN if built_in else ""
