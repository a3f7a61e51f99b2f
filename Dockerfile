# Tengu's own image. The base images can be taken from a mirror: --build-arg PYTHON=… --build-arg DOCKER_CLI=…
ARG PYTHON=python:3.11-slim-bookworm
# The docker command with its buildx plug-in, for `builder: docker`; the daemon is somebody else's (DOCKER_HOST).
ARG DOCKER_CLI=docker:28-cli

FROM ${DOCKER_CLI} AS docker-cli

FROM ${PYTHON} AS build
WORKDIR /src
RUN python3 -m venv /opt/tengu
# First what rarely changes, with hashes; then Tengu itself, without looking for anything more.
COPY requirements.txt ./
RUN /opt/tengu/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY requirements-build.txt pyproject.toml README.md LICENSE ./
RUN python3 -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt
COPY tengu tengu
COPY handlers handlers
RUN /opt/build/bin/python -m hatchling build -t wheel -d /wheel && /opt/tengu/bin/pip install --no-cache-dir --no-deps --no-index /wheel/*.whl

FROM ${PYTHON}
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 tengu
COPY --from=docker-cli /usr/local/bin/docker /usr/local/bin/docker
COPY --from=docker-cli /usr/local/libexec/docker/cli-plugins/docker-buildx /usr/local/libexec/docker/cli-plugins/docker-buildx
COPY --from=build /opt/tengu /opt/tengu
ARG GIT_SHA=unknown
LABEL org.opencontainers.image.title=tengu org.opencontainers.image.revision=$GIT_SHA
ENV PATH=/opt/tengu/bin:$PATH PYTHONUNBUFFERED=1 TENGU_IMAGE=1 GIT_SHA=$GIT_SHA
USER tengu
# tengu.yml is looked for here: mount it as /etc/tengu/tengu.yml.
WORKDIR /etc/tengu
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/healthz', timeout=4)"]
# tini as process 1: children of git and docker that are killed leave no zombies.
ENTRYPOINT ["tini", "--", "tengu"]
CMD ["serve", "--host", "0.0.0.0"]
