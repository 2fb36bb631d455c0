#!/bin/sh
# Makes the coded copies of tone.wav. Needs SoX 14.4, FLAC 1.4, LAME 3.100, FFmpeg 5.1.
set -eu
exact="-map_metadata -1 -fflags +bitexact -flags +bitexact"
sox -R -n -r 16000 -b 16 -c 1 tone.wav synth 0.25 sine 440 sine 1330 remix - gain -6 fade 0.01 0.25 0.01
flac -s -f --no-padding --best tone.wav -o tone.flac
sox -R -n -r 16000 -b 24 -c 1 tone24.wav synth 0.1 sine 440 gain -6
flac -s -f --no-padding --best tone24.wav -o tone24.flac
lame --quiet -b 64 --cbr tone.wav tone.mp3
lame --quiet -t -b 64 --cbr tone.wav tone_untagged.mp3
# shellcheck disable=SC2086
{
  ffmpeg -v error -y -i tone.wav -c:a libvorbis -q:a 6 $exact tone.ogg
  ffmpeg -v error -y -i tone.wav -c:a aac -b:a 64k $exact tone_aac.m4a
  ffmpeg -v error -y -i tone.wav -c:a alac $exact tone_alac.m4a
  ffmpeg -v error -y -i tone.wav -c:a libopus -b:a 24k $exact tone_opus.ogg
  ffmpeg -v error -y -i tone.wav -f lavfi -i color=black:size=16x16:rate=5:duration=0.2 \
    -map 1:v -map 0:a -c:v mpeg4 -c:a aac -b:a 64k $exact video.m4a
  ffmpeg -v error -y -i tone.wav -c:a pcm_s16le $exact -f wav - > tone_piped.wav
}
