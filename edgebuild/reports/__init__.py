"""What a build found out: the report that users read, and the machine-readable ``report.json``."""
