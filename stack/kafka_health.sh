#!/bin/bash
# Tells by its exit code whether the Kafka of this container answers for itself: kafka_health.sh PORT. Bash alone: a
# Java for each look would cost more than the idle broker.
#
# It asks for the cluster's metadata (request 3, version 4, of no topic) and reads the head of the answer: length, our
# number, time to wait, number of brokers. A broker that takes connections but is not registered yet counts none.
LC_ALL=C
number_of_ours=7
wait_s=5

next_number() { # of four bytes, the highest first
    local byte code
    number=0
    for _ in 1 2 3 4; do
        IFS= read -r -d '' -n 1 -t "$wait_s" byte <&3 || return 1 # a zero byte ends the text: it is empty then
        printf -v code '%d' "'$byte"
        number=$((number * 256 + (code & 255)))
    done
}

fail() {
    echo "$1"
    exit 1
}

exec 3<>"/dev/tcp/127.0.0.1/$1" || fail "nothing listens on port $1"
printf '\x00\x00\x00\x0f\x00\x03\x00\x04\x00\x00\x00\x07\xff\xff\x00\x00\x00\x00\x00' >&3
next_number || fail "no answer in $wait_s s"
next_number && [[ $number == "$number_of_ours" ]] || fail "the answer is not Kafka's"
next_number && next_number && ((number > 0 && number < 1000)) || fail "the broker is not registered yet"
