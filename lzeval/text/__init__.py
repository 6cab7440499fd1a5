"""Text for people and from people: numbers, JSON, words, and everything that commands print."""
