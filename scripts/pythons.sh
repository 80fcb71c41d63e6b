#!/bin/sh
# Judges python3 and every CPython that pyenv has installed. $1 is the streamspec binary; what follows is passed on to it.
set -u
bin=$1
shift
status=0
judged=
for python in python3 $(command -v pyenv >/dev/null && ls "$(pyenv root)"/versions/*/bin/python 2>/dev/null); do
	version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
	case $version in 2.*) continue ;; esac
	case " $judged " in *" $version "*) continue ;; esac
	judged="$judged $version"
	"$bin" run --adapter python --python "$python" --strict "$@" || status=$?
done
echo "judged:$judged"
exit $status
