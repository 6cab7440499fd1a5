"""Files of records in whatever form, as SGF in UTF-8: the door that all of them come through."""

from __future__ import annotations

from lzeval.records.input.encoding import as_utf8
from lzeval.records.input.servers import is_gib, is_ngf, sgf_from_gib, sgf_from_ngf

SUFFIXES = (".sgf", ".gib", ".ngf")
"""Names of files of records."""


def as_sgf(content: bytes) -> bytes:
    """The content of a file of records as SGF in UTF-8; the same object where it is that already.

    SGF in any encoding, and the formats of the servers Tygem (GIB) and Cyberoro or WBaduk (NGF), known by what is in
    them. Never raises: what is none of these stays as it is, for the reader to refuse.
    """
    text = as_utf8(content)
    if is_gib(text):
        return sgf_from_gib(text.decode("utf-8", "replace")).encode("utf-8")
    if is_ngf(text):
        return sgf_from_ngf(text.decode("utf-8", "replace")).encode("utf-8")
    return text
