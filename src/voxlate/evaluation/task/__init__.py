"""Task-based validation: is the synthetic image as useful as the real one?"""
