"""The lobby of a multiplayer game: players gather in lobbies, and the host starts the match."""
