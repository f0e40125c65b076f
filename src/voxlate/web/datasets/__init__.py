"""Data sets that a server may read: what each lacks, and a job that makes it.

The folders are named when the server starts (``voxlate serve --data``), and clients know them by opaque ids. What one
has is found out by a program of its own (``voxlate.web.datasets.survey``), what it lacks is made by a worker
(``voxlate.web.datasets.completion``) as ``voxlate translate`` does, into the folder of the job.
"""
