# An unchanged server by the command, next to its package.json, which has socket-supervisor and
# socket.io in "dependencies": docker build -f start.Dockerfile -t chat .
FROM node:22-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev
COPY . .
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
# 200 when every worker is ready. The path has the uid of USER, and --name below.
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s CMD ["node", "-e", "require('node:http').get({ socketPath: '/tmp/socket-supervisor-1000/chat.sock', path: '/health' }, (res) => process.exit(res.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# In exec form: the primary is PID 1 and gets the signals, without a shell that may keep them to itself.
CMD ["node", "node_modules/socket-supervisor/dist/cli.js", "start", "server.mjs", "--name", "chat"]
