"""Tests of app/sockets/."""
