"""Tuning events: candidates made of parameters, chosen by what earlier ones have won."""
