# The image that docker-compose.yml runs: one program, its command tells what it does.
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
COPY scripts/prepare.mjs scripts/
COPY src src
RUN node scripts/prepare.mjs --build && npm prune --omit=dev

FROM node:24-slim
WORKDIR /app
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json ./
# A named volume takes over the owner of what it is mounted over.
RUN mkdir -p /var/lib/tsdb-wal /var/lib/repository && chown -R node:node /var/lib/tsdb-wal /var/lib/repository
USER node
# As `npm start` does it.
ENV MALLOC_MMAP_THRESHOLD_=131072
ENTRYPOINT ["node", "--max-semi-space-size=4", "--v8-pool-size=1", "--enable-source-maps", "dist/main.js"]
CMD ["start"]
