"""Voxlate turns the scans you have into the scans you lack."""
