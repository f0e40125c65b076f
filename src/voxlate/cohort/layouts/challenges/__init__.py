"""Layouts of challenges, whose names say everything: one module for each."""
