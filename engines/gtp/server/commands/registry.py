"""The table that all commands are declared in, and its groups in the order in which they are listed."""

from engines.gtp.server.command_table import CommandTable

COMMANDS = CommandTable()
PROGRAM = COMMANDS.group("Talking to the program")
SETUP = COMMANDS.group("Setting up a game")
PLAY = COMMANDS.group("Playing")
CLOCK = COMMANDS.group("Time")
RECORD = COMMANDS.group("Looking at the game and keeping it")
INSIGHT = COMMANDS.group("Looking into the engine")
