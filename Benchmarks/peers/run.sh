#!/bin/sh
# Swiftlet and its peers, side by side: makes .venv-bench here, builds the tool, compares.
# Options are those of compare.py: --networks, --threads, --rounds, --engines …
set -eu
here=$(cd "$(dirname "$0")" && pwd)
environment="$here/.venv-bench"
[ -x "$environment/bin/python" ] || python3 -m venv "$environment"
# One by one where they do not install together: compare.py names those that are missing.
"$environment/bin/pip" install --quiet -r "$here/requirements.txt" || while read -r requirement; do
  case "$requirement" in '' | '#'*) continue ;; esac
  "$environment/bin/pip" install --quiet "$requirement" || echo "not installed: $requirement" >&2
done < "$here/requirements.txt"
(cd "$here/../.." && swift build -c release --product swiftlet)
exec "$environment/bin/python" "$here/compare.py" "$@"
