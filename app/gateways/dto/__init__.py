"""The payloads that clients send. Unknown fields are ignored.

No payload has a field for the user: handlers read the user's id from the socket.
"""
