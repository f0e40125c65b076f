"""Tests of the package question."""
