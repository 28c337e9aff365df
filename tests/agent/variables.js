// Says what Datadog's tracer for Node makes of its environment: the inputs on stdin and the outcome on stdout are one
// JSON object each. `NODE_PATH` has the tracer.
'use strict'
const fs = require('fs')
const inside = name => require(`dd-trace/packages/dd-trace/src/${name}`)

function outcome (inputs) {
  const tracer = require('dd-trace').init({ startupLogs: false, plugins: false })
  const config = inside('config')()
  const inner = tracer._tracer
  const written = []
  if (!inner._processor) return { enabled: false }
  inner._processor._exporter.export = spans => written.push(...spans)

  const PrioritySampler = inside('priority_sampler')
  const id = inside('id')
  const { getServerStatusValidator } = inside('plugins/util/status-validator')
  const { getQsObfuscator, obfuscateQs } = inside('plugins/util/url')
  const DatabasePlugin = inside('plugins/database')

  const injected = span => {
    const headers = {}
    tracer.inject(span, 'http_headers', headers)
    return headers
  }
  const url = () => {
    const queryStringObfuscation = config.DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP
    return obfuscateQs({ queryStringObfuscation: getQsObfuscator({ queryStringObfuscation }) }, inputs.url)
  }
  const database = new DatabasePlugin(inner, config)
  database.configure({ enabled: true, dbmPropagationMode: config.dbmPropagationMode })
  const comment = ([service, host, name, peer]) => {
    const tags = { 'out.host': host, 'db.name': name, 'peer.service': peer }
    const span = tracer.startSpan('query', { tags: Object.fromEntries(Object.entries(tags).filter(tag => tag[1])) })
    span.context()._traceId = id(String(inputs.trace), 10)
    span.context()._spanId = id(String(inputs.span), 10)
    span.context()._trace.tags['_dd.p.tid'] = undefined
    const text = database.injectDbmQuery(span, 'SELECT 1', service)
    return [text, span.context().getTag('_dd.dbm_trace_injected') ?? null]
  }
  const sampler = new PrioritySampler(config.env, config.sampler)
  const isKept = number => {
    const span = tracer.startSpan('work', { tags: { 'resource.name': 'work', team: 'a' } })
    span.context()._traceId = id(String(number), 10)
    return sampler.isSampled(span)
  }
  const spanSampler = new (inside('span_sampler'))(config.sampler)
  const isKeptAlone = number => {
    const span = tracer.startSpan('work')
    span.context()._traceId = span.context()._spanId = id(String(number), 10)
    return spanSampler.findRule(span)?.sample(span.context()) ?? false
  }
  const read = headers => tracer.extract('http_headers', headers)
  const isRead = headers => read(headers)?._traceId !== undefined

  const validate = getServerStatusValidator(config)
  const caller = read(inputs.headers)
  const span = tracer.startSpan('work', { childOf: caller })
  const headers = injected(span)
  span.finish()
  tracer.startSpan('work').finish()
  const meta = Object.assign({}, ...written.map(span => span.meta))
  const ofContainer = {}
  inside('exporters/common/docker').inject(ofContainer)
  return {
    enabled: written.length > 0,
    service: written[0]?.service,
    meta,
    errors: inputs.statuses.filter(code => !validate(code)),
    kept: inputs.ids.filter(isKept),
    alone: inputs.ids.filter(isKeptAlone),
    statistics: config.stats.DD_TRACE_STATS_COMPUTATION_ENABLED,
    limit: sampler._limiter._rateLimit,
    extract: Object.keys(inputs.styles).filter(style => isRead(inputs.styles[style])),
    inject: Object.keys(inputs.styles).filter(style => Object.keys(inputs.styles[style])[0] in headers),
    continues: [Number(span.context().toTraceId()), (caller?._links ?? []).length],
    passed: headers['x-datadog-tags'] ?? '',
    comments: Object.fromEntries(Object.entries(inputs.databases).map(([label, database]) => [label, comment(database)])),
    urls: [url(), null],
    agent: config.url.href,
    external: ofContainer['Datadog-External-Env'] ?? null
  }
}

let said
try {
  said = outcome(JSON.parse(fs.readFileSync(0, 'utf8')))
} catch (error) {
  said = { fails: `${error.name}: ${error.message}` }
}
fs.writeSync(1, JSON.stringify(said) + '\n')
process.exit()
