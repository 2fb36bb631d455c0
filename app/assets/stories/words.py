"""Writes <story>.TextGrid: when Flite speaks each phone and word. words.py <story> <voice> <seconds of its recording>"""

import functools
import subprocess
import sys


def flite(voice, *arguments):
    command = ["flite", "-voice", voice, *arguments, "none"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def utterances(story, voice):
    """For each its phones with their ends, and its words."""
    text = ["-f", f"{story}.txt"]
    phones = [[part.split(":") for part in line.split()] for line in flite(voice, *text, "-psdur") if line.strip()]
    words = [line.split() for line in flite(voice, *text, "-pw") if line.strip()]
    assert len(phones) == len(words)
    return zip(phones, words)


@functools.cache
def alone(voice, word):
    """The phones of a word that is spoken alone."""
    return [phone for phone in flite(voice, "-t", word, "-ps")[0].split() if phone != "pau"]


def shared_out(phones, words, voice):
    """For each word the range of its phones: the cheapest way to change the words' own phones into those spoken."""
    own = [(phone, number) for number, word in enumerate(words) for phone in alone(voice, word)]
    rows, columns = len(own) + 1, len(phones) + 1
    cost = [[0] * columns for _ in range(rows)]
    for i in range(rows):
        for j in range(columns):
            if i == 0 or j == 0:
                cost[i][j] = i + j
            else:
                change = cost[i - 1][j - 1] + (own[i - 1][0] != phones[j - 1])
                cost[i][j] = min(change, cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    spoken = {}
    i, j = rows - 1, columns - 1
    while i > 0 and j > 0:
        if cost[i][j] == cost[i - 1][j - 1] + (own[i - 1][0] != phones[j - 1]):
            i, j = i - 1, j - 1
            spoken.setdefault(own[i][1], []).append(j)
        elif cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return spoken


def tier(name, intervals, end):
    lines = [f'"IntervalTier"\n"{name}"\n0\n{end}\n{len(intervals)}']
    lines += [f'{start:.4f}\n{stop:.4f}\n"{text}"' for start, stop, text in intervals]
    return "\n".join(lines)


def main(story, voice, secs):
    begin, phone_tier, word_tier = 0.0, [], []
    for timed, words in utterances(story, voice):
        spans, last = [], 0.0
        for phone, stop in timed:
            spans.append((begin + last, begin + float(stop), phone))
            last = float(stop)
        heard = [span for span in spans if span[2] != "pau"]
        shares = shared_out([phone for *_, phone in heard], words, voice)
        for number, word in enumerate(words):
            places = shares.get(number)
            if places:
                word_tier.append((heard[min(places)][0], heard[max(places)][1], word))
        phone_tier += [(start, stop, "sp" if phone == "pau" else phone) for start, stop, phone in spans]
        begin += last
    # Each utterance's last phone is rounded to the next frame.
    stretch = secs / begin
    grid = [[(start * stretch, stop * stretch, text) for start, stop, text in one] for one in (phone_tier, word_tier)]
    filled = []
    for start, stop, text in grid[1]:
        if filled and start > filled[-1][1] or not filled and start > 0:
            filled.append((filled[-1][1] if filled else 0.0, start, "sp"))
        filled.append((start, stop, text))
    head = f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n{secs}\n<exists>\n2\n'
    with open(f"{story}.TextGrid", "w") as file:
        file.write(head + tier("phone", grid[0], secs) + "\n" + tier("word", filled, secs) + "\n")


main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
