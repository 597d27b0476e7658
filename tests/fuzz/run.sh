#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One fuzzer for FUZZ_SECONDS (30) from its kept corpus, as one TAP line: tests/fuzz/run.sh NAME
# What it finds new stays in build/fuzz; an input that breaks something is printed in base64, to be kept as a case.
set -u
cd "$(dirname "$0")/../.." || exit 1
found=build/fuzz/found/$1
mkdir -p "$found" "tests/fuzz/corpus/$1"
echo "1..1"
if build/fuzz/"$1" -max_total_time="${FUZZ_SECONDS:-30}" -rss_limit_mb=1024 -timeout=10 -artifact_prefix="build/fuzz/$1-" \
	"$found" "tests/fuzz/corpus/$1" >"build/fuzz/$1.log" 2>&1; then
	echo "ok 1 - fuzz $1: $(sed -n 's/^Done \(.*\)/\1/p' "build/fuzz/$1.log")"
else
	echo "not ok 1 - fuzz $1 (build/fuzz/$1.log)"
	tail -n 40 "build/fuzz/$1.log" | sed 's/^/# /'
fi
