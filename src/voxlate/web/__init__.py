"""The page in a browser, and the same over HTTP for programs: scans are uploaded, recognised, translated, looked at.

One server process owns a folder: ``uploads/<id>`` and ``jobs/<id>`` with opaque ids, and the list of jobs. Nothing that
a client names leads to a path. Whatever parses a scan is a process of its own (``voxlate.web.recognition``,
``voxlate.web.translation``), so that a crash ends that alone. Files keep no name that they came with, since patients'
names stand in such: what a name says of the contrast is kept, and the rest forgotten.
"""
