#!/bin/sh
# A program for `go build -toolexec`: it keeps what the linker makes in the folder KEPT_PROGRAMS, one file for each
# name, and copies it where the linker would make the same again. The first part of -buildid is Go's hash of all that
# enters a link: the packages, the flags and the linker. It is a part of the file's name, so that builds of different
# sources that run at once never take each other's.
tool=$1 out='' id='' last=''
case ${tool##*/} in link*) ;; *) exec "$@" ;; esac
for arg; do
	case $last in -o) out=$arg ;; esac
	case $arg in -buildid=*) id=${arg#-buildid=} ;; esac
	last=$arg
done
id=${id%%/*}
[ -n "$id" ] && [ -n "$out" ] || exec "$@"
kept=$KEPT_PROGRAMS/${out##*/}@
if cp "$kept$id" "$out" 2>/dev/null; then exit; fi
"$@" || exit
new=$(mktemp "$kept.XXXXXX") || exit 0 # what cannot be kept is linked again the next time
if cp "$out" "$new" && chmod 755 "$new" && mv "$new" "$kept$id"; then
	for old in "$kept"* "$kept".*; do
		[ "$old" = "$kept$id" ] || rm -f "$old"
	done
else
	rm -f "$new"
fi
exit 0
