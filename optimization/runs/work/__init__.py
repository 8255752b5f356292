"""Carrying out work items: one run, many items in the air, everything stored as it comes."""
