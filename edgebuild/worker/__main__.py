"""``python -m edgebuild.worker job.json [FD]``: does a job, and reports as JSON lines on file descriptor FD."""

from edgebuild.worker.entry import main

main()
