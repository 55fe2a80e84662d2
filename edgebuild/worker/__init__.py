"""The model half's own process: what it is asked (``job``), how it answers (``events``), both ends of the pipe.

``client`` is the parent's side and imports neither TensorFlow nor numpy; everything from ``entry`` on is
imported by the child only.
"""
