"""Reader studies on the page: pairs are made by a job, shown without a trace of which is which, and answered for good.

A study has pairs of one case each: a real scan and what a model made of the case's others, or what two models made.
What readers see lies in ``pairs/<number>``, made alike for both images: one window, one grid, 8 bits, no header but
the grid, no mark. Order and sides are drawn for each reader from the study's seed. A pair is asked for by a key that
says nothing, and an answer is on the disk before it is confirmed. Which is which is told when the study is closed, and
not before.
"""
