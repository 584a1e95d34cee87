"""Tests of app.interceptors."""
