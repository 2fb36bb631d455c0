#!/usr/bin/env bash
# Makes the embedded fonts out of their releases: Inter with figures of one width, Lucide with the icons of icons.txt.
#   make.sh <folder of Inter's .otf files> <folder of the npm package lucide-static>
# Needs Python's fonttools and opentype-feature-freezer.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
inter="$1"; lucide="$2"
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
for weight in Regular SemiBold; do
    pyftfeatfreeze -f 'tnum,ss03,cv11' -S -U Heschl "$inter/Inter-$weight.otf" "$work/$weight.otf"
    pyftsubset "$work/$weight.otf" --desubroutinize --layout-features='kern,mark,mkmk,ccmp,liga,calt' \
        --unicodes="U+0020-007E,U+00A0-017F,U+0370-03FF,U+1E00-1EFF,U+2010-2027,U+2030-203A,U+2044,U+2070-209F,U+20AC,U+2122,U+2190-21FF,U+2200-22FF,U+2300-23FF,U+25A0-25FF,U+2713,U+2717" \
        --output-file="$here/Inter-$weight.otf"
done
unicodes="$(python3 -c 'import json, sys
points = json.load(open(sys.argv[1]))
print(",".join(f"U+{points[name.strip()]:X}" for name in open(sys.argv[2])))' "$lucide/font/codepoints.json" "$here/icons.txt")"
pyftsubset "$lucide/font/lucide.ttf" --unicodes="$unicodes" --layout-features='' --no-hinting --output-file="$here/lucide.ttf"
# The Markdown viewer draws these characters on its copy button.
python3 - "$here/lucide.ttf" "$lucide/font/codepoints.json" <<'PYTHON'
import json, sys
from fontTools.ttLib import TTFont
font, points = TTFont(sys.argv[1]), json.load(open(sys.argv[2]))
names = font.getBestCmap()
aliases = {0x1F5D0: names[points["copy"]], 0x2714: names[points["check"]]}
subtables = [table for table in font["cmap"].tables if table.isUnicode()]
for table in subtables:
    table.cmap.update({point: name for point, name in aliases.items() if point < 0x10000 or table.format == 12})
if not any(table.format == 12 for table in subtables):
    from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
    wide = CmapSubtable.newSubtable(12)
    wide.platformID, wide.platEncID, wide.language = 3, 10, 0
    wide.cmap = dict(names) | aliases
    font["cmap"].tables.append(wide)
font.save(sys.argv[1])
PYTHON
