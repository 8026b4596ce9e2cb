#!/bin/bash
# The flags of the real one, without its searches: a class and its arguments, with the environment's options.
base=$(dirname "$0")/..
collector=()
[ "${1:-}" = -name ] && shift 2
[ "${1:-}" = -loggc ] && { shift; collector=("-Xlog:gc*:file=$base/logs/kafkaServer-gc.log:time,tags:filecount=10,filesize=100M"); }
: "${KAFKA_JMX_OPTS:=-Dcom.sun.management.jmxremote=true -Dcom.sun.management.jmxremote.authenticate=false -Dcom.sun.management.jmxremote.ssl=false}"
: "${KAFKA_JVM_PERFORMANCE_OPTS:=-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true}"
: "${KAFKA_LOG4J_OPTS:=-Dlog4j2.configurationFile=$base/config/tools-log4j2.yaml}"
# shellcheck disable=SC2086 # each variable holds several options
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} $KAFKA_JVM_PERFORMANCE_OPTS "${collector[@]}" $KAFKA_JMX_OPTS \
    -Dkafka.logs.dir="$base/logs" $KAFKA_LOG4J_OPTS -cp "$base/libs/*" ${KAFKA_OPTS:-} "$@"
