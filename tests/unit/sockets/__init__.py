"""Tests of app.sockets."""
