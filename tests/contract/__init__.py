"""One suite for each port, which runs on every adapter of the port."""
