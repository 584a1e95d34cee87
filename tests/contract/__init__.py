"""Contract tests: the suite of each port runs on every adapter of the port."""
