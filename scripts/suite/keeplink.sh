#!/bin/sh
# A program for `go build -toolexec`: it keeps what the linker makes in the folder KEPT_PROGRAMS, one file for each
# name, and copies it where the linker would make the same again. The first part of -buildid is Go's hash of all that
# enters a link: the packages, the flags and the linker.
tool=$1 out='' id='' last=''
case ${tool##*/} in link*) ;; *) exec "$@" ;; esac
for arg; do
	case $last in -o) out=$arg ;; esac
	case $arg in -buildid=*) id=${arg#-buildid=} ;; esac
	last=$arg
done
id=${id%%/*}
[ -n "$id" ] && [ -n "$out" ] || exec "$@"
kept=$KEPT_PROGRAMS/${out##*/}
if [ "$(cat "$kept.id" 2>/dev/null)" = "$id" ] && cp "$kept" "$out" 2>/dev/null; then exit; fi
"$@" || exit
rm -f "$kept.id"
cp "$out" "$kept.$$" && mv "$kept.$$" "$kept" && echo "$id" >"$kept.id"
