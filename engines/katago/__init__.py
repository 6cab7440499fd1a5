"""KataGo as a player: one process a network in JSON analysis mode, which all games ask at once."""
