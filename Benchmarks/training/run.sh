#!/bin/sh
# Steps of training in Swiftlet and in PyTorch, side by side: makes .venv-bench here, builds the tool, compares.
# Options are those of compare.py: --networks, --engines, --rounds, --seconds …
set -eu
here=$(cd "$(dirname "$0")" && pwd)
environment="$here/.venv-bench"
[ -x "$environment/bin/python" ] || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet -r "$here/requirements.txt"
(cd "$here/../.." && swift build -c release --product swiftlet)
exec "$environment/bin/python" "$here/compare.py" "$@"
