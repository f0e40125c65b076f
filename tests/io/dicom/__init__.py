"""Tests of DICOM."""
