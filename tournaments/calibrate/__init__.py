"""Calibration: the setting at which one player scores what is wanted against another, found in few games."""
