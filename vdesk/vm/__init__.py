"""What a good virtual machine is: the request, the defaults, the specification, its XML."""
