// A service with Datadog's tracer for Node: it passes each request on, and says at which port it listens.
'use strict'
require('dd-trace').init({ service: 'middle', startupLogs: false, flushInterval: 100 })
const http = require('http')

const server = http.createServer((request, answer) => {
  const call = http.request(process.argv[2], { method: 'POST' }, next => next.pipe(answer))
  call.on('error', problem => answer.writeHead(502).end(String(problem)))
  call.end()
})
server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`))
