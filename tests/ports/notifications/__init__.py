"""Notifications of a web shop, which are sent to open pages, or else by e-mail or SMS."""
