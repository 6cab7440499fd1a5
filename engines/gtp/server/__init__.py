"""The engine's side of GTP: sessions, commands, and input read ahead."""
