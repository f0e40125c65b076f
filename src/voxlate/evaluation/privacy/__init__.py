"""The privacy audit: does a synthetic image give a patient away?"""
