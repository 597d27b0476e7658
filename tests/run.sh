#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs tests and counts: tests/run.sh [-j N] THING...   A THING is a command that prints TAP, or a folder of
# compiler cases: <case>.yaml beside what hvcc must print for it, named by what is asked (see `ask`), each ending in
# `exit <code>`. BLESS=1 rewrites the expectations. Logs stay in build/tap. Each THING has a time limit, which is a
# safety net: reaching it is a failure and is not tried again. Last line: `N passed, N failed, N skipped`.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
logs=$top/build/tap
hvcc=${HVCC:-$top/build/asan/hvcc}
export CMOCKA_MESSAGE_OUTPUT=TAP UBSAN_OPTIONS=print_stacktrace=1

ask() { # the command whose output a file with this extension holds
	case $1 in
	err) { "$hvcc" check --no-files "$2" >/dev/null; } 2>&1 ;;
	files) { "$hvcc" check "$2" >/dev/null; } 2>&1 ;;
	json) "$hvcc" check --no-files --format json "$2" ;;
	gcc) "$hvcc" check --no-files --format gcc "$2" 2>&1 ;;
	config) "$hvcc" config "$2" 2>&1 ;;
	lst) blob=$(mktemp) && "$hvcc" build --format blob -o "$blob" "$2" 2>&1 && "$hvcc" inspect "$blob"; code=$?
		rm -f "$blob"; return $code ;;
	esac
}

cases() { # each expectation under folder $1 as one TAP line
	local n=0 want got
	while read -r want; do
		n=$((n + 1))
		got=$(cd "$(dirname "$want")" && ask "${want##*.}" "$(basename "${want%.*}").yaml"; echo "exit $?")
		[ -z "${BLESS:-}" ] || echo "$got" >"$want"
		if difference=$(diff -u "$want" - <<<"$got"); then
			echo "ok $n - ${want#"$top"/}"
		else
			printf 'not ok %d - %s\n%s\n' $n "${want#"$top"/}" "${difference//$'\n'/$'\n'# }" | sed '2s/^/# /'
		fi
	done < <(find "$1" -regex '.*\.\(err\|files\|json\|gcc\|config\|lst\)' | sort)
	echo "1..$n"
}

cut_short() { # a failure that the thing itself does not tell, and its last words, into its log
	local words
	words=$(tail -n 20 "$2" | sed 's/^/# /')
	printf 'not ok - %s\n%s\n' "$1" "$words" >>"$2"
}

one() { # run one thing; its TAP, with what is missing from it made explicit, goes to a log
	local log code plan seen command
	read -ra command <<<"$1"
	log=$logs/$(tr '/ ' -- <<<"${1#"$top"/}").tap
	if [ -d "$1" ]; then cases "$1"; else timeout -k 10 "${TEST_TIMEOUT:-1500}" "${command[@]}"; fi </dev/null >"$log" 2>&1
	code=$?
	sed -i 's/^not \(ok.*# SKIP\)/\1/' "$log" # so cmocka calls a skipped test
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
	seen=$(grep -cE '^(not )?ok\b' "$log")
	[ "$plan" = "$seen" ] && [ "$seen" != 0 ] || cut_short "$1: $seen results, $plan planned, exit $code" "$log"
	[ $code = 0 ] || grep -q '^not ok' "$log" || cut_short "$1: exit $code" "$log"
	grep -q '^not ok' "$log" || { echo "pass $1"; return; }
	echo "FAIL $1 ($log)"; grep -A30 '^not ok' "$log" | head -60
}

[ "${1:-}" != --one ] || { one "$2"; exit 0; }
jobs=1; [ "${1:-}" != -j ] || { jobs=$2; shift 2; }
rm -rf "$logs"; mkdir -p "$logs"
printf '%s\0' "$@" | xargs -0 -r -P "$jobs" -I{} "$0" --one {}
count() { cat "$logs"/*.tap | grep -c "$1"; }
failed=$(count '^not ok'); skipped=$(count '^ok.*# SKIP'); passed=$(($(count '^ok') - skipped))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
