"""Interrupts `nncc run` under the emulator and `nncc debug` while their children work, with each of three signals.

Usage: interrupt.py MODEL FOLDER. Fails where a process or a file is left. A crash of nncc itself ends with status 70: a signal
stands for one.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time


def processes(mark):
    """The processes that know of a folder, by environment or command line; not this one."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark.encode() in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            pass
    return found


def wait_for(condition, seconds=20.0):
    """True when a condition comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def interrupt(command, name, folder):
    """What is wrong after a signal, or nothing."""
    temporary = folder / name
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    # A shell without job control has its background programs ignore SIGINT.
    started = subprocess.Popen(command, env=dict(os.environ, TMPDIR=str(temporary)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    # The keeper of the temporary folder and the child that works.
    if not wait_for(lambda: len(processes(str(temporary))) >= 2 and any(temporary.iterdir())):
        started.kill()
        return "no child process was seen"
    started.send_signal(getattr(signal, name.split("-")[1]))
    try:
        started.wait(timeout=20)
    except subprocess.TimeoutExpired:
        started.kill()
        return "it goes on"
    if not wait_for(lambda: not processes(str(temporary)) and not any(temporary.iterdir())):
        return f"left: {processes(str(temporary))} {[path.name for path in temporary.iterdir()]}"
    return None


def main(model, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # Stands for the Python of the reference: writes into the folder that it is given, and goes on.
    slow = folder / "slow"
    slow.write_text('#!/bin/sh\nwhile :; do touch "$4/tensor"; sleep 0.01; done\n')
    slow.chmod(0o755)
    # Stands for an emulator that takes its time with the program that it is given.
    bin = folder / "bin"
    bin.mkdir(exist_ok=True)
    (bin / "qemu-aarch64").write_text("#!/bin/sh\nexec sleep 60\n")
    (bin / "qemu-aarch64").chmod(0o755)
    os.environ["PATH"] = f"{bin}:{os.environ['PATH']}"
    commands = {"debug": ["nncc", "debug", model, f"--python={slow}"], "run": ["nncc", "run", model, "--target=aarch64-linux-gnu"]}
    bad = 0
    for kind, command in commands.items():
        for name in ("SIGINT", "SIGTERM", "SIGKILL"):
            if wrong := interrupt(command, f"{kind}-{name}", folder):
                bad += 1
                print(f"{kind} after {name}: {wrong}")
    # A crash while a child works.
    crashed = subprocess.Popen(["nncc", "debug", model, f"--python={slow}"], env=dict(os.environ, TMPDIR=str(folder)), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    wait_for(lambda: any(folder.glob("nncc-debug*")))
    crashed.send_signal(signal.SIGSEGV)
    if crashed.wait(timeout=20) != 70:
        bad += 1
        print(f"a crash ended with status {crashed.returncode} instead of 70")
    if not wait_for(lambda: not any(folder.glob("nncc-debug*"))):
        bad += 1
        print("a crash left a folder")
    sys.exit(1 if bad else 0)


main(*sys.argv[1:])
