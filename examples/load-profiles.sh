#!/bin/sh
# A data load that says how far it is. Part of the example night, see ../sessions.toml.
total=40
events=0
n=0
while [ "$n" -lt "$total" ]; do
    sleep 0.25
    n=$((n + 1))
    events=$((events + 37 + n % 7))
    echo "Loaded $n / $total profiles, events so far: $events"
done
echo "done: $total profiles, $events events"
