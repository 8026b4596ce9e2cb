# The images of Tally's services, for `just up compose`. One stage installs the pinned packages; each service's image
# holds these, the packages of the project that it imports, and nothing to build or test with.
# Pinned by tag; docs/decisions/0018 tells how tags were checked. Digests would pin harder: add them when you can.

ARG PYTHON=python:3.11.14-slim-bookworm
ARG REGISTRY=apicurio/apicurio-registry:3.3.3
ARG KAFKA=apache/kafka:4.2.2
ARG TEMPO=grafana/tempo:2.8.2
ARG LOKI=grafana/loki:3.7.8

# pip has an environment of its own, so that no image carries it.
FROM ${PYTHON} AS packages
RUN python -m venv /opt/pip && python -m venv --without-pip /opt/tally
ENV INSTALL="/opt/pip/bin/pip --python /opt/tally/bin/python install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes"
COPY requirements/runtime.txt stack/slim.sh /
RUN $INSTALL -r /runtime.txt && sh /slim.sh /opt/tally

# What compiles the contracts is not carried by the services.
FROM packages AS codegen-packages
COPY requirements/codegen.txt /codegen.txt
RUN $INSTALL -r /codegen.txt

# What exports in Parquet need; large, so the producer does not carry it.
FROM packages AS parquet-packages
COPY requirements/parquet.txt /parquet.txt
RUN $INSTALL --target /opt/parquet -r /parquet.txt && sh /slim.sh /opt/parquet

# Python, the user and what all three images hold. /opt/tally is not in it: each image stores it once.
FROM ${PYTHON} AS base
# A volume takes over the owner of the folder that it is mounted on when it is first used.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin tally \
    && install --directory --owner=tally --group=tally /data
WORKDIR /app
ENV PATH=/opt/tally/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TALLY_DATA_DIR=/data TALLY_LOG_FORMAT=json
USER 10001:10001

FROM base AS service
COPY --from=packages /opt/tally /opt/tally
COPY tally ./tally
COPY observability ./observability
COPY stack/healthcheck.py ./healthcheck.py

# One-shot: publishes the schemas and creates the topics.
FROM base AS contracts
COPY --from=codegen-packages /opt/tally /opt/tally
COPY tally ./tally
COPY contracts ./contracts
COPY observability ./observability
COPY codegen ./codegen
ENTRYPOINT ["python", "-m", "codegen"]

FROM service AS producer
COPY producer ./producer
ENV TALLY_GRPC_HOST=0.0.0.0 TALLY_PRODUCER_METRICS_HOST=0.0.0.0
EXPOSE 50051 9464
HEALTHCHECK --interval=5s --timeout=5s --start-period=300s CMD ["python", "healthcheck.py", "producer"]
ENTRYPOINT ["python", "-m", "producer"]

FROM service AS consumer
COPY --from=parquet-packages /opt/parquet /opt/parquet
COPY consumer ./consumer
COPY contracts/pages ./contracts/pages
ENV TALLY_REST_HOST=0.0.0.0 PYTHONPATH=/opt/parquet
EXPOSE 8000
VOLUME ["/data"]
HEALTHCHECK --interval=5s --timeout=5s --start-period=300s CMD ["python", "healthcheck.py", "consumer"]
ENTRYPOINT ["python", "-m", "consumer"]

# The registry's own image, with a data folder that its user may write to.
FROM ${REGISTRY} AS registry
USER 0
RUN mkdir -p /data && chown 1001:0 /data
USER 1001
VOLUME ["/data"]

# The agent that shows the broker's metrics, from Maven Central, checked against stack/agent.lock.
FROM packages AS agent
COPY requirements/maven.txt /maven.txt
RUN $INSTALL -r /maven.txt
WORKDIR /app
COPY tally ./tally
COPY observability ./observability
COPY stack ./stack
RUN cp "$(TALLY_CACHE_DIR=/cache /opt/tally/bin/python -m stack agent)" /agent.jar

FROM ${KAFKA} AS kafka
COPY --from=agent /agent.jar /opt/tally/jmx_prometheus_javaagent.jar
COPY observability/jmx_exporter/kafka.yml /opt/tally/kafka.yml
COPY stack/kafka_health.sh /opt/tally/health.sh

# Stores of traces and logs with a data folder that their user may write to; their images have no shell to make one.
FROM ${TEMPO} AS tempo
COPY --from=base --chown=10001:10001 /data /data
VOLUME ["/data"]

FROM ${LOKI} AS loki
COPY --from=base --chown=10001:10001 /data /data
VOLUME ["/data"]
