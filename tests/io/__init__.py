"""Tests of files in and files out."""
