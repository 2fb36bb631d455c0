#!/usr/bin/env bash
# Speaks the texts that lie here with the speech synthesiser Flite, and packs them with the words' times.
# Needs flite, vorbis-tools and Python.
set -euo pipefail
cd "$(dirname "$0")"
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
speak() { # story, voice
    flite -voice "$2" -f "$1.txt" -o "$work/$1.wav"
    oggenc --quiet --quality -1 --discard-comments --serial 1 -o "$1.ogg" "$work/$1.wav"
    secs="$(python3 -c 'import sys, wave; w = wave.open(sys.argv[1]); print(w.getnframes() / w.getframerate())' "$work/$1.wav")"
    python3 words.py "$1" "$2" "$secs"
}
speak bakery slt
speak lighthouse rms
speak night slt
speak river rms
