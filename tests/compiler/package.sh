#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The Debian package, and what runs `hvcc check` in others' continuous integration, as TAP.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS
n=0

report() { # status, name: one line of TAP, with the output of what failed
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; sed 's/^/# /' "$work/output"; fi
}
try() { # name, command
	local name=$1
	shift
	"$@" >"$work/output" 2>&1
	report $? "$name"
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

# ---- the package
try "the package is made" make -s -C "$top" deb
deb=$(echo "$top"/build/deb/hvcc_*_amd64.deb)
cp "$deb" "$work/first.deb"
try "... again" make -s -C "$top" deb
try "... and it is the same" cmp "$deb" "$work/first.deb"
if command -v lintian >/dev/null; then
	lintian --allow-root -I --fail-on error,warning,info "$deb" >"$work/output" 2>&1
	report $? "lintian is content"
else
	skip "lintian is content" "lintian is not installed"
fi
dpkg-deb -x "$deb" "$work/root"
for file in bin/hvcc lib/hvcc/hvcore.elf share/hvcc/schema/guest.schema.json share/man/man1/hvcc.1.gz \
	share/man/man1/hvcc-check.1.gz share/man/man5/hvcc-guest.5.gz share/bash-completion/completions/hvcc \
	share/zsh/vendor-completions/_hvcc share/fish/vendor_completions.d/hvcc.fish share/doc/hvcc/copyright; do
	try "the package has $file" test -s "$work/root/usr/$file"
done
try "the packaged hvcc finds its core" "$work/root/usr/bin/hvcc" build "$top/examples/hello/guest.yaml" -o "$work/hello.elf"
try "... and builds what the tree builds" "$top/build/hvcc" build "$top/examples/hello/guest.yaml" -o "$work/here.elf"
try "... to the byte" cmp "$work/hello.elf" "$work/here.elf"

# ---- the action: a repository with documents, and with YAML that is none
export PATH=$top/build:$PATH
check=$top/.github/actions/check/check.sh
git -c init.defaultBranch=main init -q "$work/repository" && cd "$work/repository" || exit 1
mkdir fleet
for i in 1 2 3 4 5; do
	printf 'schema: hvcc/guest/v1\nname: g%d\nmemory: { size: 64MiB }\nboot: { kernel: k }\n' $i >"fleet/guest $i.yaml"
done
printf '# comment\n\n---\n"schema": "hvcc/guest/v1"\nname: other\nmemory: { size: 64MiB }\nboot: { kernel: k }\n' >other.yml
printf 'name: workflow\non: push\nschema: hvcc/guest/v1\n' >workflow.yml
printf 'schema: something/else\n' >else.yaml
git add -A
printf 'schema: hvcc/guest/v1\nwrong: true\n' >untracked.yaml
"$check" --list >"$work/output"
[ "$(wc -l <"$work/output")" = 6 ] && grep -qx 'other.yml' "$work/output" && grep -qx 'fleet/guest 3.yaml' "$work/output"
report $? "documents are found by what they say"
try "they are good" "$check"
for i in 1 2 3; do
	"$check" -- --shard $i/3 --format json --report "$work/part$i" >"$work/output" 2>&1
	report $? "shard $i of 3 is good"
done
printf 'schema: hvcc/guest/v1\nname: g2\nmemroy: { size: 64MiB }\nboot: { kernel: k }\n' >"fleet/guest 2.yaml"
"$check" '*.yaml' -- --format github >"$work/output"
[ $? = 1 ] && grep -q '^::error file=fleet/guest 2.yaml,line=3,col=1,.*title=HV0130::' "$work/output"
report $? "a wrong one is annotated"
failed=0
for i in 1 2 3; do "$check" -- --shard $i/3 >/dev/null 2>&1 || failed=$((failed + 1)); done
[ $failed = 1 ]
report $? "... in one shard"
"$check" 'nothing*' >"$work/output" 2>&1
[ $? = 2 ]
report $? "no documents at all is an error"

# ---- the descriptions
python3 - "$top" >"$work/output" 2>&1 <<'PYTHON'
import os, re, subprocess, sys
try:
    import yaml
except ImportError:
    sys.exit(77)
top = sys.argv[1]
def load(path):
    with open(os.path.join(top, path), encoding="utf-8") as file:
        return yaml.safe_load(file)
for hook in load(".pre-commit-hooks.yaml"):
    words = hook["entry"].split()
    assert words[0] == "hvcc" and subprocess.run([os.path.join(top, "build/hvcc"), words[1], "--help"],
                                                 capture_output=True, check=False).returncode == 0, hook
    assert {"id", "name", "language", "files"} <= set(hook), hook
    for name, want in (("a/guest.yaml", True), ("system.yml", True), ("x.hvcc.yaml", True), ("a/other.yaml", False)):
        assert bool(re.search(hook["files"], name)) == want, (hook, name)
action = load(".github/actions/check/action.yml")
assert action["runs"]["using"] == "composite"
scripts = [step["run"] for step in action["runs"]["steps"]]
scripts += ["\n".join(load(".gitlab/hvcc-check.yml")[".hvcc-check"]["script"])]
for script in scripts:
    subprocess.run(["bash", "-n"], input=script.encode(), check=True)
for name in re.findall(r"\$\{\{ inputs\.(\w+) \}\}", str(action)):
    assert name in action["inputs"], name
PYTHON
case $? in
0) report 0 "hooks, action and template are what they should be" ;;
77) skip "hooks, action and template are what they should be" "python3-yaml is not installed" ;;
*) report 1 "hooks, action and template are what they should be" ;;
esac
git checkout -q -- . && python3 -c 'import yaml' 2>/dev/null &&
	python3 -c "import yaml; print('\n'.join(yaml.safe_load(open('$top/.gitlab/hvcc-check.yml'))['.hvcc-check']['script']))" >"$work/job.sh"
if [ -s "$work/job.sh" ]; then
	rm -rf fleet untracked.yaml
	git add -A
	HVCC_FILES='*.yaml *.yml' CI_NODE_INDEX=1 CI_NODE_TOTAL=1 bash -e "$work/job.sh" >"$work/output" 2>&1 &&
		grep -q 'name="other.yml"' hvcc.xml
	report $? "the template's job writes its report"
else
	skip "the template's job writes its report" "python3-yaml is not installed"
fi
echo "1..$n"
