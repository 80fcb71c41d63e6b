#!/bin/sh
# Judges uvloop, with stock asyncio as the control. It stands in a virtual environment of its own, made with the newest Python
# here for which pip finds the pinned uvloop ready-built. $1 is the streamspec binary; what follows is passed on to it.
set -eu
version=0.21.0
venv=.venv-uvloop
bin=$1
shift

# ready tells whether the virtual environment has the pinned uvloop.
ready() { "$venv/bin/python" -c "import sys, uvloop; sys.exit(uvloop.__version__ != '$version')" 2>/dev/null; }

# newest_first lists the Pythons that are here, the newest first, each version once.
newest_first() {
	"$bin" adapters --pythons | while read -r python; do
		"$python" -c 'import sys; print("%d %d %d" % sys.version_info[:3], sys.argv[1])' "$python" 2>/dev/null || true
	done | sort -k1,1nr -k2,2nr -k3,3nr | awk '!seen[$1 " " $2 " " $3]++ { sub(/^[0-9]+ [0-9]+ [0-9]+ /, ""); print }'
}

if ! ready; then
	for python in $(newest_first); do
		echo "uvloop: trying $python" >&2
		rm -rf "$venv"
		if "$python" -m venv "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "uvloop==$version" && ready; then
			break
		fi
	done
fi
if ! ready; then
	rm -rf "$venv"
	echo "uvloop: uvloop $version could not be installed for any of the Pythons that \"$bin adapters --pythons\" lists; any from 3.8 to 3.13 would do" >&2
	exit 2
fi
exec "$bin" run --adapter python --python "$venv/bin/python" --loop uvloop:new_event_loop --strict "$@"
