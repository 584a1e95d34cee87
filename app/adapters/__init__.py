"""Implementations of the ports: one package per technology. No package imports another one."""
