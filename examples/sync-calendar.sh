#!/bin/sh
# Works at the second attempt. NIGHTKEEP_ATTEMPT names the attempt, for example 2026-11-21/sync-calendar/1.2.
attempt=${NIGHTKEEP_ATTEMPT##*.}
echo "connecting to the calendar server ..."
sleep 1
if [ "${attempt:-1}" -lt 2 ]; then
    echo "Error: connection to calendar.example timed out" >&2
    exit 1
fi
echo "12 entries synchronised"
