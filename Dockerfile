# One image for everything: by itself web, workers and an embedded store; in compose.yaml one of them per container.
# docs/deployment.md says how to run it and how to pin PYTHON_IMAGE by its digest.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
WORKDIR /build
COPY requirements.txt ./
# Wheels only, those that are locked, each with its known hash: nothing is compiled, and nothing from the network runs here.
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
      --only-binary :all: --no-deps --require-hashes -r requirements.txt \
 && python -m pip --python /venv/bin/python --disable-pip-version-check check \
 && /venv/bin/python -m compileall -q /venv/lib

FROM ${PYTHON_IMAGE} AS image
LABEL org.opencontainers.image.title="iAgente Vida" \
      org.opencontainers.image.description="A WhatsApp sales agent for life insurance"
# Nothing can be installed in a running container, and the account can write nothing but /data.
RUN python -m pip uninstall --yes --quiet --root-user-action ignore setuptools wheel pip \
 && rm -r "$(python -c 'import ensurepip; print(ensurepip.__path__[0])')" \
 && groupadd --gid 10001 iagente \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin iagente \
 && install --directory --owner iagente --group iagente --mode 0700 /data
WORKDIR /app
COPY --from=packages /venv /venv
COPY gunicorn.conf.py run_webhook.py ./
COPY deploy/healthcheck.py deploy/
COPY src src
RUN /venv/bin/python -m compileall -q /app
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GUNICORN_CMD_ARGS=--no-control-socket \
    WEBHOOK_HOST=0.0.0.0 \
    DATA_DIR=/data \
    LOG_FILE=/data/webhook.log
USER 10001:10001
VOLUME ["/data"]
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 CMD ["python", "deploy/healthcheck.py", "/readyz"]
CMD ["python", "run_webhook.py"]
