# mmbench with Ray and published models, for docker run and for the pods of examples/kubernetes/rayjob.yaml:
#   docker build -t mmbench .
#   docker run --rm -v "$PWD/work:/work" mmbench mmbench run --model random --tasks vqa
FROM python:3.11-slim

# KubeRay's health checks call wget.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends wget \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY . .
# ray[default] has the job server that KubeRay submits to.
RUN pip install --no-cache-dir --constraint constraints.txt ".[models,ray]" "ray[default]" \
    && rm -rf /src/*

RUN useradd --create-home --uid 1000 mmbench
USER mmbench
WORKDIR /work
CMD ["mmbench", "--help"]
