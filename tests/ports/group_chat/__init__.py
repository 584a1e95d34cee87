"""A group chat with logins: rooms, roles, history, mentions, typing, and a REST interface."""
