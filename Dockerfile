# The image of one server process. compose.yaml and docs/deployment.md show how to run it.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS packages
WORKDIR /srv/chatgenius
COPY requirements.txt ./
# --only-binary: every pinned package has a wheel, so the build needs no compiler.
RUN python -m venv --without-pip .venv && \
    python -m pip --python .venv/bin/python --disable-pip-version-check install --no-cache-dir \
        --no-deps --require-hashes --only-binary=:all: --requirement requirements.txt

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin chatgenius && \
    install --directory --owner=chatgenius --group=chatgenius /var/lib/chatgenius
WORKDIR /srv/chatgenius
# The same folder as above, because the programs in .venv/bin contain its path.
COPY --from=packages /srv/chatgenius/.venv .venv
COPY app app
RUN python -m compileall -q app
ENV PATH=/srv/chatgenius/.venv/bin:$PATH \
    APP_ENV=production \
    DATA_DIR=/var/lib/chatgenius \
    HOST=0.0.0.0 \
    PORT=3002
USER chatgenius
EXPOSE 3002
# Liveness, not readiness: an orchestrator that restarts unhealthy containers must not disconnect every
# client because the database is down.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as http; http.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/live', timeout=4)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["run"]
