"""``python -m voxlate``, as the command ``voxlate``."""

from __future__ import annotations

from voxlate.cli import main

if __name__ == "__main__":
    main()
