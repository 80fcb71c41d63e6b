#!/bin/sh
# Judges every Python that is here. $1 is the streamspec binary; what follows is passed on to it.
set -u
bin=$1
shift
status=0
for python in $("$bin" adapters --pythons); do
	"$bin" run --adapter python --python "$python" --strict "$@" || status=$?
done
exit $status
