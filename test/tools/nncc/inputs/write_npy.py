"""Writes a .npy file of 2x3 floats without numpy. Usage: write_npy.py FILE (format: numpy.lib.format, version 1.0)."""
import struct
import sys

header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
header += b" " * (64 - (10 + len(header) + 1) % 64) + b"\n"
with open(sys.argv[1], "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack("<6f", *range(6)))
