#!/bin/sh
# Fails on a file that nncc-opt reads and that has a text in it. Usage: fails-with.sh TEXT FILE
! nncc-opt "$2" 2>/dev/null | grep -q "$1"
