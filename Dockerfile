# One image for controller, trader and bootstrap. The compiler stays in the first stage.
FROM python:3.11-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bootstrap bootstrap
COPY trading trading
COPY trader trader
COPY controller controller
RUN python -m venv /opt/tandem && /opt/tandem/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.11-slim
# Nobody's account: a file it writes belongs to no user of the host.
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/tandem --shell /usr/sbin/nologin tandem \
    && install -d -o tandem -g tandem -m 0700 /var/lib/tandem
COPY --from=build /opt/tandem /opt/tandem
ENV PATH=/opt/tandem/bin:$PATH PYTHONUNBUFFERED=1
USER tandem
WORKDIR /var/lib/tandem
VOLUME /var/lib/tandem
CMD ["controller", "run"]
