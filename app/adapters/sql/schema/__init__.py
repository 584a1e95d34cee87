"""Tables, their migrations, and the tables shared with the original backend."""
