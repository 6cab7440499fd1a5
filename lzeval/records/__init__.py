"""Game records as people have them: bytes of any encoding and format in, the moves and facts of each game out.

`text.as_sgf` is the door that every command's files come through; behind it all text is SGF in UTF-8.
"""
