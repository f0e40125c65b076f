"""Voxlate."""
