"""Tests of app.gateways."""
