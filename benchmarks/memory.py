#!/usr/bin/env python3
"""Memory of an extraction over a 2-hour recording, measured while it runs.

usage: memory.py PATH_OF_HESCHL [MODEL] [STRIDE_SECONDS]

Makes a 2-hour recording of noise, extracts it, reads the resident memory of the process twice a second, and prints the
largest value and the growth per hour of audio: the slope from the end of the first tenth of the windows to the end of
all. Exits with 1 if the bars (900 MB, 10 MB an hour) are missed. Standard library only; Linux.
"""
import json, os, random, subprocess, sys, tempfile, threading, time, wave

HOURS = 2
MOST_BYTES, MOST_GROWTH_PER_HOUR = 900e6, 10e6


def make_recording(path):
    block = random.Random(0).randbytes(2 * 16000 * 60)
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        for _ in range(60 * HOURS):
            file.writeframes(block)


def resident_bytes(pid):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def main(program, model="whisper-tiny.en", stride="5"):
    with tempfile.TemporaryDirectory() as scratch:
        stories = os.path.join(scratch, "stories")
        os.mkdir(stories)
        make_recording(os.path.join(stories, "noise.wav"))
        command = [program, "extract", "--stimulus-dir", stories, "--model", model, "--out", scratch,
                   "--stride", stride, "--events", "json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        share_done, samples = [0.0], []

        def follow():
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "progress":
                    share_done[0] = event["n_done"] / event["n_windows"]

        reader = threading.Thread(target=follow)
        reader.start()
        begun = time.time()
        while process.poll() is None:
            try:
                samples.append((share_done[0], resident_bytes(process.pid)))
            except FileNotFoundError:
                break
            time.sleep(0.5)
        reader.join()
        if process.wait() != 0:
            sys.exit("the extraction failed")
    largest = max(n for _, n in samples)
    steady = [(share * HOURS, n) for share, n in samples if share >= 0.1]
    mean_x = sum(x for x, _ in steady) / len(steady)
    mean_y = sum(y for _, y in steady) / len(steady)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in steady) / sum((x - mean_x) ** 2 for x, _ in steady)
    print(f"{model}, stride {stride} s: {HOURS} h of audio in {time.time() - begun:.0f} s, {len(samples)} samples of memory")
    print(f"largest  {largest / 1e6:.0f} MB (bar {MOST_BYTES / 1e6:.0f})")
    print(f"growth   {slope / 1e6:.2f} MB per hour of audio (bar {MOST_GROWTH_PER_HOUR / 1e6:.0f})")
    sys.exit(largest > MOST_BYTES or slope > MOST_GROWTH_PER_HOUR)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
