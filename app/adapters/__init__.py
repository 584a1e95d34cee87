"""What provides the ports, one folder per technology; they do not know each other."""
