ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
# Dependencies first: this layer is kept until a lock file changes.
RUN python -m venv /build/tools \
    && /build/tools/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/build.txt \
    && python -m venv /opt/source-gitlab \
    && /opt/source-gitlab/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/runtime.txt
COPY . .
RUN /build/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/source-gitlab/bin/pip install --no-cache-dir --no-deps --no-index dist/*.whl \
    && /opt/source-gitlab/bin/pip uninstall --yes pip

# What never changes comes before what does, so that a rebuild is one copy.
FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="source-gitlab" \
      org.opencontainers.image.description="Copies a GitLab, gitlab.com or self-managed, into wherever you keep data." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT" \
      io.airbyte.name="source-gitlab" \
      io.airbyte.version="${VERSION}" \
      FLOW_RUNTIME_PROTOCOL="capture" \
      FLOW_RUNTIME_CODEC="json" \
      CONNECTOR_PROTOCOL="flow-capture"
RUN useradd --uid 1000 --create-home airbyte
ENV PATH=/opt/source-gitlab/bin:${PATH} \
    AIRBYTE_ENTRYPOINT="source-gitlab"
USER airbyte
WORKDIR /home/airbyte
ENTRYPOINT ["source-gitlab"]
COPY --from=build /opt/source-gitlab /opt/source-gitlab
