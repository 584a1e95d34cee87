"""Tests of the clock and of file descriptors."""
