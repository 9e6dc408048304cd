#!/bin/sh
# Makes a corpus for each target of what lies in fixtures/ and benches/: one file each, named by its contents.
set -eu
cd "$(dirname "$0")"
add() { # TARGET FILE [PREFIX]
    mkdir -p "corpus/$1"
    name=$(cksum <"$2" | tr -d ' ')
    { printf '%s' "${3:-}"; cat "$2"; } >"corpus/$1/$name"
}
find ../fixtures ../profiles/handoff ../benches -name '*.json' | while read -r file; do
    add document "$file"
    add check "$file"
    add package "$file" F
done
mkdir -p corpus/fhirpath
grep -rhoE '"expression": "([^"\\]|\\.)*"' ../fixtures ../profiles/handoff | sed 's/^"expression": "//; s/"$//' |
    sort -u | while read -r text; do
    name=$(printf '%s' "$text" | cksum | tr -d ' ')
    printf '%s' "$text" >"corpus/fhirpath/$name"
done
# An archive of a few definitions, as a package comes.
folder=$(mktemp -d)
mkdir "$folder/package"
printf '{"name":"urn.example.seed","version":"1.0.0"}' >"$folder/package/package.json"
find ../profiles/handoff ../fixtures/cases/definitions -name '*.json' | head -n 8 |
    while read -r file; do cp "$file" "$folder/package/"; done
tar -czf "$folder/seed.tgz" -C "$folder" package
add package "$folder/seed.tgz" T
rm -r "$folder"
