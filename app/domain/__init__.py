"""The values, wire names and errors of the chat. They depend only on the standard library."""
