"""Tests of app/gateways/."""
