"""The characters that v1 chunks are written in."""

NEWLINE, RETURN, SPACE, PLUS, MINUS, POINT, ZERO, ONE, NINE = 10, 13, 32, 43, 45, 46, 48, 49, 57
