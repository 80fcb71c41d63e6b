#!/bin/sh
# Holds the architecture: what each part of the house may import.
set -eu
module=github.com/streamspec/streamspec
bad=0

# deps PACKAGES... lists what they import, directly and indirectly, outside the standard library.
deps() { go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' "$@" | sed '/^$/d'; }

# only NAME PATTERN PACKAGES... fails when the packages import anything that does not match.
only() {
	name=$1 pattern=$2
	shift 2
	found=$(deps "$@" | grep -vE "$pattern" || true)
	if [ -n "$found" ]; then
		echo "guard: $name must not import:" $found >&2
		bad=1
	fi
}

only reference "^($module/reference/|golang\.org/x/sys/)" ./reference/...
only spec "^($module/spec(/|\$)|go\.yaml\.in/yaml/)" ./spec/...
only "conformance/adapter" "^($module/(spec|reference|conformance/adapter)(/|\$)|go\.yaml\.in/yaml/|golang\.org/x/sys/)" ./conformance/adapter/...

exit $bad
