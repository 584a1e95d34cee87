"""What a client is to the application: the class of every handler's `Socket`."""
