#!/bin/sh
# Judges event loops of PyPI, each with stock asyncio as the control. Each stands in a virtual environment of its own, made with
# the newest Python here for which pip finds its pinned version ready-built. $1 is the streamspec binary; $2 the name of a loop,
# which is held to its baseline if it has one, or all, for all that have one; what follows is passed on to streamspec.
set -u
bin=$1 wanted=$2
shift 2

# pinned lists the loops: the package and its version. All are called by new_event_loop of the package's module.
pinned() {
	cat <<-END
		uvloop 0.21.0
		loopmini 0.2.3
		zloop 0.0.1
		rloop 0.5.0
	END
}

# ready tells whether a virtual environment has the pinned version of a loop.
ready() { "$1/bin/python" -c "import sys, $2; from importlib.metadata import version; sys.exit(version('$2') != '$3')" 2>/dev/null; }

# newest_first lists the Pythons that are here, the newest first, each version once.
newest_first() {
	"$bin" adapters --pythons | while read -r python; do
		"$python" -c 'import platform, sys; platform.python_implementation() == "CPython" and print("%d %d %d" % sys.version_info[:3], sys.argv[1])' "$python" 2>/dev/null || true
	done | sort -k1,1nr -k2,2nr -k3,3nr | awk '!seen[$1 " " $2 " " $3]++ { sub(/^[0-9]+ [0-9]+ [0-9]+ /, ""); print }'
}

# judge judges one loop. Status 2: it could not be installed.
judge() {
	name=$1 version=$2 venv=.venv-$1 baseline=conformance/baselines/$1.yaml
	shift 2
	if ! ready "$venv" "$name" "$version"; then
		for python in $(newest_first); do
			echo "$name: trying $python" >&2
			rm -rf "$venv"
			if "$python" -m venv "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$name==$version" && ready "$venv" "$name" "$version"; then
				break
			fi
		done
	fi
	if ! ready "$venv" "$name" "$version"; then
		rm -rf "$venv"
		echo "$name: $name $version could not be installed for any of the Pythons that \"$bin adapters --pythons\" lists" >&2
		return 2
	fi
	if [ -e "$baseline" ]; then
		set -- --baseline "$baseline" "$@"
	fi
	"$bin" run --adapter python --python "$venv/bin/python" --loop "$name:new_event_loop" --strict "$@"
}

status=0 known=
while read -r name version; do
	if [ "$wanted" = "$name" ] || { [ "$wanted" = all ] && [ -e "conformance/baselines/$name.yaml" ]; }; then
		known=yes
		judge "$name" "$version" "$@" </dev/null || status=$?
	fi
done <<END
$(pinned)
END
if [ -z "$known" ]; then
	echo "loop.sh: there is no loop $wanted; there are:" $(pinned | cut -d' ' -f1) >&2
	exit 2
fi
exit $status
