#!/bin/sh
# Installs Heschl for one user, without an administrator's rights: sh install.sh [PREFIX]
#
# PREFIX is ~/.local unless given. Everything that is written lies below it and is listed in PREFIX/lib/heschl/installed.txt;
# uninstall.sh removes exactly that.
set -eu

version=@VERSION@
here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:-${PREFIX:-$HOME/.local}}

fail() { echo "$*" >&2; exit 1; }

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] ||
    fail "This package is for Linux on x86-64 processors; this is $(uname -s) on $(uname -m)."
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //')
[ -n "$glibc" ] || fail "Heschl needs the GNU C library, version 2.28 or newer; this system has another C library."
[ "$(printf '%s\n' 2.28 "$glibc" | sort -V | head -n 1)" = 2.28 ] ||
    fail "Heschl needs version 2.28 or newer of the GNU C library (Debian 10, Ubuntu 20.04, RHEL 8); this system has $glibc."

export LC_ALL=C
mine=
[ -d "$prefix" ] || mine="./
"
mkdir -p "$prefix" || fail "The folder cannot be made. Give another: sh install.sh PREFIX"
prefix=$(cd "$prefix" && pwd)
[ -w "$prefix" ] || fail "You may not write to this folder. Give another: sh install.sh PREFIX
Folder: $prefix"
case $here in
"$prefix" | "$prefix"/lib/heschl) fail "Unpack the archive elsewhere: it lies in the folder to install to." ;;
esac

list=$prefix/lib/heschl/installed.txt
if [ -f "$list" ]; then
    echo "Replacing the version that is installed here."
    # Those of its folders that are listed were made for it, and may go again later.
    mine=$(grep '/$' "$list")
    mine="$mine
"
    sh "$prefix/lib/heschl/uninstall.sh" --quiet
    mkdir -p "$prefix"
fi

# What was there before stays when Heschl goes.
folders=$(cd "$here/tree" && find . -type d ! -name . | sed 's/^..//' | sort)
for folder in $folders; do
    [ -d "$prefix/$folder" ] || mine="$mine$folder/
"
done
for folder in $folders; do mkdir -p "$prefix/$folder"; done
(cd "$here/tree" && find . ! -type d | sed 's/^..//' | sort) | while read -r file; do
    [ ! -e "$prefix/$file" ] || rm -f "$prefix/$file"
    cp -P "$here/tree/$file" "$prefix/$file"
done
sed "s|^Exec=heschl|Exec=\"$prefix/bin/heschl\"|; s|^TryExec=.*|TryExec=$prefix/bin/heschl|" \
    "$here/tree/share/applications/heschl.desktop" > "$prefix/share/applications/heschl.desktop"
cp "$here/uninstall.sh" "$prefix/lib/heschl/uninstall.sh"

# Module files, for clusters.
modules="lib/heschl/modulefiles lib/heschl/modulefiles/heschl"
for folder in $modules; do
    mkdir -p "$prefix/$folder"
    mine="$mine$folder/
"
done
for name in "$version.lua" "$version"; do
    sed "s|@PREFIX@|$prefix|g" "$here/modulefiles/$name" > "$prefix/lib/heschl/modulefiles/heschl/$name"
done
{
    (cd "$here/tree" && find . ! -type d | sed 's/^..//')
    printf '%s\n' lib/heschl/uninstall.sh lib/heschl/installed.txt
    printf 'lib/heschl/modulefiles/heschl/%s\n' "$version" "$version.lua"
    printf '%s' "$mine"
} | sort -u > "$list"

refresh() { command -v "$1" >/dev/null 2>&1 && "$@" >/dev/null 2>&1 || true; }
refresh update-mime-database "$prefix/share/mime"
refresh update-desktop-database "$prefix/share/applications"
refresh gtk-update-icon-cache -q -t "$prefix/share/icons/hicolor"

"$prefix/bin/heschl" --version >/dev/null || fail "Heschl was installed but does not start. See the message above."
echo "Heschl $version is installed: $prefix/bin/heschl"
case :$PATH: in
*:"$prefix/bin":*) ;;
*) echo "Add it to your search path:  export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
echo "On a cluster:                module use $prefix/lib/heschl/modulefiles && module load heschl"
echo "To remove it:                sh $prefix/lib/heschl/uninstall.sh"
