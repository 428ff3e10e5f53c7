"""Stands for the plug-in's Python: runs the worker, and writes down what it was asked and what it answered, and when.

Called as ``python noting_worker.py LOG PYTHON -P -m defocus.worker --folder FOLDER``. Every line of the log is the
time in seconds, "<" for a request or ">" for an answer, and the message.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

worker = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
with Path(sys.argv[1]).open("ab", buffering=0) as log:

    def pass_on(source, target, mark):
        for line in source:
            log.write(b"%.4f %s " % (time.monotonic(), mark) + line)
            try:
                target.write(line)
                target.flush()
            except OSError:
                break
        target.close()

    threading.Thread(target=pass_on, args=(sys.stdin.buffer, worker.stdin, b"<"), daemon=True).start()
    pass_on(worker.stdout, sys.stdout.buffer, b">")
    sys.exit(worker.wait())
