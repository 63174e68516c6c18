"""The programs that build the initramfs: what each needs to hold devices back, how it is run, how it is looked into."""
