#!/bin/sh
# Removes what install.sh installed. Studies, models that you downloaded and settings stay: they lie in your own folders.
set -eu
export LC_ALL=C

prefix=$(cd "$(dirname "$0")/../.." && pwd)
list=$prefix/lib/heschl/installed.txt
[ -f "$list" ] || { echo "There is no list of installed files: $list" >&2; exit 1; }
files=$(cat "$list")
printf '%s\n' "$files" | while read -r file; do
    case $file in
    */) ;;
    *) rm -f "$prefix/$file" ;;
    esac
done
refresh() { command -v "$1" >/dev/null 2>&1 && "$@" >/dev/null 2>&1 || true; }
refresh update-mime-database "$prefix/share/mime"
refresh update-desktop-database "$prefix/share/applications"
# What those programs have made of nothing but Heschl's entries.
case $files in *share/mime/packages/*) [ -n "$(ls -A "$prefix/share/mime/packages" 2>/dev/null)" ] || {
    for made in XMLnamespaces aliases application generic-icons globs globs2 icons magic mime.cache subclasses treemagic types version; do
        rm -rf "${prefix:?}/share/mime/$made"
    done; } ;;
esac
[ -n "$(ls "$prefix/share/applications" 2>/dev/null | grep -v '^mimeinfo.cache$')" ] || rm -f "$prefix/share/applications/mimeinfo.cache"
# Folders that were made for Heschl and are empty now, the deepest first.
printf '%s\n' "$files" | sort -r | while read -r folder; do
    case $folder in
    ./) rmdir "$prefix" 2>/dev/null || true ;;
    */) rmdir "$prefix/$folder" 2>/dev/null || true ;;
    esac
done
[ "${1:-}" = --quiet ] || echo "Heschl is removed from $prefix. Your studies and settings are untouched."
