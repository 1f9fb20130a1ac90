"""Runs a command whose files may not grow past a number of bytes: writing more fails with EFBIG. Usage: limit_file_size.py BYTES COMMAND..."""
import os
import resource
import signal
import sys

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
os.execvp(sys.argv[2], sys.argv[2:])
