"""The physics of the phantom: tissues, signal equations, acquisition, emission."""
