#!/usr/bin/env python3
"""How soon the window is there: from the start of the program to a first picture on a virtual screen, drawn in software.

    benchmarks/start.py target/release/heschl [runs]

Needs Xvfb, xdotool and ImageMagick's import. Prints each run, the median, and its share of the 1.5 s that are promised.
"""
import os, statistics, subprocess, sys, tempfile, time


def colours(display):
    """Number of different colours on the screen: more than a few once a page is drawn."""
    png = subprocess.run(["import", "-display", display, "-window", "root", "-depth", "8", "-format", "%k", "info:-"], capture_output=True)
    return int(png.stdout or b"0")


def run(program, display):
    with tempfile.TemporaryDirectory() as folder:
        around = dict(os.environ, DISPLAY=display, HOME=folder, HESCHL_HOME=folder + "/data")
        around.pop("WAYLAND_DISPLAY", None)
        begun = time.monotonic()
        window = subprocess.Popen([program], env=around, stderr=subprocess.DEVNULL)
        try:
            while colours(display) < 20:
                if window.poll() is not None or time.monotonic() - begun > 30:
                    sys.exit("The window did not open.")
            return time.monotonic() - begun
        finally:
            window.terminate()
            window.wait()


def main():
    program, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 7
    server = subprocess.Popen(["Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        display = ":" + server.stdout.readline().decode().strip()
        secs = []
        for _ in range(runs):
            secs.append(run(program, display))
            print(f"{secs[-1]:.2f} s")
            time.sleep(0.5)
        median = statistics.median(secs)
        print(f"median {median:.2f} s, of 1.5 s: {median / 1.5:.2f}")
    finally:
        server.terminate()


main()
