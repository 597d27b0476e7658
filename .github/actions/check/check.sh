#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks the hvcc documents of a repository: check.sh [--list] [PATHSPEC...] [-- ARGUMENTS OF hvcc check...]
# Documents are the files under version control that match (default: all YAML files) and whose first key says
# `schema: hvcc/...`; they are sorted, so that `--shard I/N` takes the same part on every machine. None at all is an error.
set -euo pipefail
list=
[ "${1:-}" != --list ] || { list=1; shift; }
patterns=()
while [ $# != 0 ] && [ "$1" != -- ]; do
	patterns+=("$1")
	shift
done
[ $# = 0 ] || shift
[ ${#patterns[@]} != 0 ] || patterns=('*.yaml' '*.yml')

documents=()
while IFS= read -r -d '' file; do
	key=$(sed -E '1s/^\xef\xbb\xbf//; /^[[:space:]]*(#.*)?\r?$/d; /^(---|%)/d; q' -- "$file")
	[[ $key =~ ^[\"\']?schema[\"\']?[[:space:]]*:[[:space:]]*[\"\']?hvcc/ ]] || continue
	documents+=("$file")
done < <(git ls-files -z -- "${patterns[@]}" | LC_ALL=C sort -z)
[ ${#documents[@]} != 0 ] || { echo "no hvcc documents match: ${patterns[*]}" >&2; exit 2; }
[ -z "$list" ] || { printf '%s\n' "${documents[@]}"; exit 0; }
# Kernels are built elsewhere, and not under version control; `-- --files` reads them, too.
files=--no-files
for argument; do [ "$argument" != --files ] || files=; done
exec hvcc check $files "$@" -- "${documents[@]}"
