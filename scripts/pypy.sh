#!/bin/sh
# Judges PyPy, of Debian's packages where there is none yet. $1 is the streamspec binary; what follows is passed on to it.
set -u
bin=$1
shift
if ! command -v pypy3 >/dev/null; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "pypy: there is no pypy3 on the path; on Debian, \"apt-get install pypy3\" as root brings it" >&2
		exit 2
	fi
	apt-get install --quiet --yes pypy3 >/dev/null || { apt-get update --quiet >/dev/null && apt-get install --quiet --yes pypy3 >/dev/null; } || exit 2
fi
baseline=conformance/baselines/pypy.yaml
if [ -e "$baseline" ]; then
	set -- --baseline "$baseline" "$@"
fi
exec "$bin" run --adapter python --python pypy3 --strict "$@"
