"""Tests of app.guards."""
