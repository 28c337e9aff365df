package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace/idx"
	"github.com/DataDog/sketches-go/ddsketch/pb/sketchpb"
	"github.com/tinylib/msgp/msgp"
	"google.golang.org/protobuf/proto"
)

// intake takes what the Agent would send to Datadog, and keeps it.
type intake struct {
	mu     sync.Mutex
	traces []tracePayload
	stats  []*pb.ClientStatsPayload
}

func newIntake() *intake { return &intake{} }

func (i *intake) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v0.2/traces", func(w http.ResponseWriter, r *http.Request) {
		accept(w, r, i.takeTraces)
	})
	mux.HandleFunc("POST /api/v0.2/stats", func(w http.ResponseWriter, r *http.Request) {
		accept(w, r, i.takeStats)
	})
	return mux
}

// discarded takes everything and keeps nothing.
func discarded() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			fatal(r, err)
		}
		w.WriteHeader(http.StatusAccepted)
	})
}

// accept unpacks a body. What cannot be read is a fault of this program, and said on standard error.
func accept(w http.ResponseWriter, r *http.Request, take func(io.Reader) error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			fatal(r, err)
		}
		body = unpacked
	}
	if err := take(body); err != nil {
		fatal(r, err)
	}
	w.WriteHeader(http.StatusAccepted)
}

func fatal(r *http.Request, err error) {
	panic(fmt.Sprintf("the intake cannot read %s: %v", r.URL.Path, err))
}

func (i *intake) takeTraces(body io.Reader) error {
	bytes, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var payload pb.AgentPayload
	if err := payload.UnmarshalVT(bytes); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, tracer := range payload.TracerPayloads {
		i.traces = append(i.traces, ofPayload(tracer))
	}
	for _, tracer := range payload.IdxTracerPayloads {
		i.traces = append(i.traces, ofIndexedPayload(idx.FromProto(tracer)))
	}
	return nil
}

func (i *intake) takeStats(body io.Reader) error {
	var payload pb.StatsPayload
	if err := msgp.Decode(body, &payload); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stats = append(i.stats, payload.Stats...)
	return nil
}

func (i *intake) tracePayloads() []tracePayload {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]tracePayload{}, i.traces...)
}

func (i *intake) statsPayloads() []statsRow {
	i.mu.Lock()
	defer i.mu.Unlock()
	rows := []statsRow{}
	for _, client := range i.stats {
		for _, bucket := range client.Stats {
			for _, group := range bucket.Stats {
				rows = append(rows, ofGroup(client, group))
			}
		}
	}
	return rows
}

// tracePayload is what the Agent says of the spans of one request.
type tracePayload struct {
	ContainerID   string            `json:"container_id"`
	Language      string            `json:"language"`
	TracerVersion string            `json:"tracer_version"`
	Env           string            `json:"env"`
	Hostname      string            `json:"hostname"`
	AppVersion    string            `json:"app_version"`
	Tags          map[string]string `json:"tags"`
	Chunks        []chunk           `json:"chunks"`
}

type chunk struct {
	Priority int32             `json:"priority"`
	Origin   string            `json:"origin"`
	Tags     map[string]string `json:"tags"`
	Dropped  bool              `json:"dropped"`
	// High is the high half of the trace id; only the newer form has it.
	High  uint64 `json:"trace_id_high"`
	Spans []span `json:"spans"`
}

type span struct {
	Service  string             `json:"service"`
	Name     string             `json:"name"`
	Resource string             `json:"resource"`
	Type     string             `json:"type"`
	TraceID  uint64             `json:"trace_id"`
	SpanID   uint64             `json:"span_id"`
	ParentID uint64             `json:"parent_id"`
	Start    int64              `json:"start"`
	Duration int64              `json:"duration"`
	Error    int32              `json:"error"`
	Meta     map[string]string  `json:"meta"`
	Metrics  map[string]float64 `json:"metrics"`
	// NotFinite names the metrics that JSON cannot hold.
	NotFinite []string `json:"not_finite,omitempty"`
	Links     int      `json:"links"`
	Events    int      `json:"events"`
}

func ofPayload(p *pb.TracerPayload) tracePayload {
	out := tracePayload{p.ContainerID, p.LanguageName, p.TracerVersion, p.Env, p.Hostname, p.AppVersion, p.Tags, nil}
	for _, c := range p.Chunks {
		row := chunk{c.Priority, c.Origin, c.Tags, c.DroppedTrace, 0, nil}
		for _, s := range c.Spans {
			row.Spans = append(row.Spans, ofSpan(s))
		}
		out.Chunks = append(out.Chunks, row)
	}
	return out
}

func ofSpan(s *pb.Span) span {
	out := span{
		s.Service, s.Name, s.Resource, s.Type, s.TraceID, s.SpanID, s.ParentID, s.Start, s.Duration, s.Error,
		s.Meta, map[string]float64{}, nil, len(s.SpanLinks), len(s.SpanEvents),
	}
	for key, number := range s.Metrics {
		out.metric(key, number)
	}
	return out
}

func (s *span) metric(key string, number float64) {
	if math.IsNaN(number) || math.IsInf(number, 0) {
		s.NotFinite = append(s.NotFinite, key)
	} else {
		s.Metrics[key] = number
	}
}

// ofIndexedPayload reads the form that newer Agents turn every trace into: texts in a table, one map of
// attributes, and some tags as fields.
func ofIndexedPayload(p *idx.InternalTracerPayload) tracePayload {
	out := tracePayload{
		p.ContainerID(), p.LanguageName(), p.TracerVersion(), p.Env(), p.Hostname(), p.AppVersion(),
		texts(p.Strings, p.Attributes), nil,
	}
	for _, c := range p.Chunks {
		row := chunk{c.Priority, c.Origin(), texts(p.Strings, c.Attributes), c.DroppedTrace, c.TraceIDHigh(), nil}
		if mechanism := c.SamplingMechanism(); mechanism != 0 {
			row.Tags["_dd.p.dm"] = fmt.Sprintf("-%d", mechanism)
		}
		for _, s := range c.Spans {
			row.Spans = append(row.Spans, ofIndexedSpan(p.Strings, c.LegacyTraceID(), s))
		}
		out.Chunks = append(out.Chunks, row)
	}
	return out
}

func ofIndexedSpan(table *idx.StringTable, traceID uint64, s *idx.InternalSpan) span {
	out := span{
		s.Service(), s.Name(), s.Resource(), s.Type(), traceID, s.SpanID(), s.ParentID(),
		int64(s.Start()), int64(s.Duration()), 0, map[string]string{}, map[string]float64{}, nil,
		s.LenLinks(), len(s.Events()),
	}
	if s.Error() {
		out.Error = 1
	}
	fields := map[string]string{
		"env": s.Env(), "version": s.Version(), "component": s.Component(), "span.kind": s.SpanKind(),
	}
	for key, text := range fields {
		if text != "" {
			out.Meta[key] = text
		}
	}
	for key, value := range s.Attributes() {
		switch number := value.Value.(type) {
		case *idx.AnyValue_DoubleValue:
			out.metric(table.Get(key), number.DoubleValue)
		case *idx.AnyValue_IntValue:
			out.metric(table.Get(key), float64(number.IntValue))
		default:
			out.Meta[table.Get(key)] = value.AsString(table)
		}
	}
	return out
}

func texts(table *idx.StringTable, attributes map[uint32]*idx.AnyValue) map[string]string {
	out := map[string]string{}
	for key, value := range attributes {
		out[table.Get(key)] = value.AsString(table)
	}
	return out
}

// statsRow is one group of spans that the Agent counted.
type statsRow struct {
	Env          string   `json:"env"`
	Version      string   `json:"version"`
	Hostname     string   `json:"hostname"`
	Language     string   `json:"language"`
	Service      string   `json:"service"`
	Name         string   `json:"name"`
	Resource     string   `json:"resource"`
	Type         string   `json:"type"`
	SpanKind     string   `json:"span_kind"`
	HTTPStatus   uint32   `json:"http_status"`
	PeerTags     []string `json:"peer_tags"`
	IsTraceRoot  bool     `json:"is_trace_root"`
	Hits         uint64   `json:"hits"`
	Errors       uint64   `json:"errors"`
	TopLevelHits uint64   `json:"top_level_hits"`
	Duration     uint64   `json:"duration"`
	GRPCStatus   string   `json:"grpc_status"`
	Synthetics   bool     `json:"synthetics"`
	Source       string   `json:"source"`
	// Ok and Failed are the durations by bin; bin -1 holds those that are zero.
	Ok     map[int32]float64 `json:"ok"`
	Failed map[int32]float64 `json:"failed"`
}

// bins reads a sketch.
func bins(bytes []byte) map[int32]float64 {
	var sketch sketchpb.DDSketch
	if err := proto.Unmarshal(bytes, &sketch); err != nil {
		panic(fmt.Sprintf("the intake cannot read a sketch: %v", err))
	}
	found := map[int32]float64{}
	add := func(bin int32, count float64) {
		if count != 0 {
			found[bin] += count
		}
	}
	add(-1, sketch.ZeroCount)
	for bin, count := range sketch.GetPositiveValues().GetBinCounts() {
		add(bin, count)
	}
	for n, count := range sketch.GetPositiveValues().GetContiguousBinCounts() {
		add(sketch.GetPositiveValues().GetContiguousBinIndexOffset()+int32(n), count)
	}
	return found
}

func ofGroup(client *pb.ClientStatsPayload, g *pb.ClientGroupedStats) statsRow {
	return statsRow{
		client.Env, client.Version, client.Hostname, client.Lang, g.Service, g.Name, g.Resource, g.Type, g.SpanKind,
		g.HTTPStatusCode, g.PeerTags, g.IsTraceRoot == pb.Trilean_TRUE, g.Hits, g.Errors, g.TopLevelHits, g.Duration,
		g.GRPCStatusCode, g.Synthetics, g.ServiceSource, bins(g.OkSummary), bins(g.ErrorSummary),
	}
}
