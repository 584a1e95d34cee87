"""The operating system: clock and file descriptors."""
