"""Shows what was measured: pages and figures, and nothing else.

Figures are pure functions from arrays, scores or log rows to a matplotlib figure: ``panels``, ``progression``,
``curves``, ``boxes``, ``profiles``; ``canvas.to_png`` makes bytes of one. ``pages.write_report`` makes the page.
"""
