// Redacts queries with Datadog's tracer for Node: a JSON list of a URL and a query a line in, the same two redacted out.
'use strict'
const fs = require('fs')
const inside = name => require(`dd-trace/packages/dd-trace/src/${name}`)

const queryStringObfuscation = inside('config')().DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP
const { getQsObfuscator, obfuscateQs } = inside('plugins/util/url')
const config = { queryStringObfuscation: getQsObfuscator({ queryStringObfuscation }) }

const lines = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)
const redacted = lines.map(line => {
  const [url, query] = JSON.parse(line)
  return JSON.stringify([obfuscateQs(config, url), obfuscateQs(config, `?${query}`).slice(1)])
})
fs.writeSync(1, redacted.join('\n') + '\n')
process.exit()
