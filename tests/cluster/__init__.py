"""Tests of clusters: servers in Python, next to real Socket.IO servers in Node.js."""
