"""Abuse: damaged files, odd arrays, kills, messages, caches and disks; `python -m tests.abuse` writes its report."""
