"""A game of noughts and crosses: a lobby that pairs players, and a namespace for each match."""
