"""Jobs that survive: a durable list of one server, and a process of its own for each job.

The list is a table in SQLite that one process owns. A job is work of a kind with an order, which is plain JSON, and a
folder. Its worker is a program that is given the folder: it reads ``order.json``, tells how far it is in
``progress.json``, logs to ``log``, and leaves ``result.json``. A worker ends when its server does, and what had not
ended is begun again when the server is back; so whatever a worker writes must appear whole or not at all, and be found
finished.
"""

from __future__ import annotations

from voxlate.jobs.job import DurableJob, State
from voxlate.jobs.joblist import JobList
from voxlate.jobs.runner import Runner, Work

__all__ = ["DurableJob", "JobList", "Runner", "State", "Work"]
