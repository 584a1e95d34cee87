"""Tests of app.framework.config."""
