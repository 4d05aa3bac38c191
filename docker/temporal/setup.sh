#!/bin/sh
# Adds the search attributes that our workflows set; those that are there already stay as they are.
# Reads TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and SEARCH_ATTRIBUTES ("Name=Type Name=Type …").
set -eu

tries=0
until temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -ge 60 ]; then
        echo "Temporal at $TEMPORAL_ADDRESS does not have the namespace $TEMPORAL_NAMESPACE" >&2
        exit 1
    fi
    sleep 2
done

set --
for attribute in $SEARCH_ATTRIBUTES; do
    set -- "$@" --name "${attribute%%=*}" --type "${attribute#*=}"
done
temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" "$@"
