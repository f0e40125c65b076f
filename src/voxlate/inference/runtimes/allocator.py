"""Freed memory is kept for the next request, in place of being given back to the system and asked for again.

A network asks for the same arrays of some megabytes again and again. glibc maps each anew, and every page of it is
cleared at its first touch, which costs more than the arithmetic on it: of the processor time of a 2-D translation a
sixth. Elsewhere than with glibc nothing is done.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST = 2**30
"""Bytes: larger arrays, which are few, still come and go by mappings of their own."""


def keep_freed_memory() -> bool:
    """Asks glibc to keep what is freed, for this process; whether it does."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
