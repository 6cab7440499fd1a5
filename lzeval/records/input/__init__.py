"""Bytes of any encoding and format in, the text of each game out as SGF in UTF-8."""
