#!/usr/bin/env bash
# lint-actions.sh: actionlint over the workflow and the composite action of docs/actions, which users copy to .github.
# Where shellcheck is installed, actionlint checks the scripts of their steps with it.
set -euo pipefail
cd "$(dirname "$0")/.."
ACTIONLINT=github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/.git" # where actionlint looks for the project
cp -r docs/actions "$copy/.github"

# actionlint reads no actions: the steps of this one are checked as those of a job.
job=$copy/.github/workflows/action.yml
printf 'on: push\njobs:\n  action:\n    runs-on: ubuntu-24.04\n    steps:\n' > "$job"
sed '1,/^  steps:$/d' docs/actions/actions/stellar/action.yml >> "$job"

(cd "$copy" && go run "$ACTIONLINT" -ignore 'property ".+" is not defined in object type {}')
