"""Boot loaders: which one this machine uses, and how its kernel's arguments are read and changed."""
