"""Leela Zero's training chunks, text (v1) and binary (v2), read and written at packing speed.

A v1 position is 19 lines: 16 hex rows (the mover's stones now and one to seven moves ago, then the opponent's),
`0` or `1` for Black or White to move, `S * S + 1` probabilities, and `1` or `-1` if the mover won or lost. A v2
position is 2176 bytes of the same, on 19x19 only. Points are in the order of `lzeval.go.points`.

Chunks know nothing of games: every position brings its own seven boards of history. `rows` finds the positions that
follow one another, so that each board is stored once, as docs/formats.md has it.
"""
