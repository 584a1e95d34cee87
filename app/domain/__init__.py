"""The values, wire names and errors of the chat. These modules import only the standard library."""
