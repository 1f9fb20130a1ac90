"""Runs a command and prints, as the last line of standard output, its exit status, wall and processor time and peak memory as JSON.

    measure.py SECONDS COMMAND...

A process of its own, and a small one: Linux counts what the parent had in memory when it forked into the peak of the child.
"""
import json
import os
import subprocess
import sys
import threading
import time


def main():
    start = time.monotonic()
    process = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL)
    timer = threading.Timer(float(sys.argv[1]), process.kill)
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    print(json.dumps({"status": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - start,
                      "processor_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}))


main()
