"""Uses the clocks and file descriptors of the operating system."""
