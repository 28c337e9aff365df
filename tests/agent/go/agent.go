package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	gzip "github.com/DataDog/datadog-agent/comp/trace/compression/impl-gzip"
	"github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/attributes"
	"github.com/DataDog/datadog-agent/pkg/trace/agent"
	"github.com/DataDog/datadog-agent/pkg/trace/config"
	"github.com/DataDog/datadog-agent/pkg/trace/telemetry"
	"github.com/DataDog/datadog-go/v5/statsd"
	"go.opentelemetry.io/collector/component/componenttest"
)

const (
	// patience is how long the Agent may take to answer, or to stop.
	patience = 20 * time.Second
	// flushSeconds is how long spans wait for others before they go to the intake.
	flushSeconds = 0.1
)

// containers are what the Agent's other half would know of the containers on its host.
var containers = map[string][]string{"c0ffee": {"image_name:shop", "kube_namespace:prod"}}

// realAgent is Datadog's trace-agent, as often as it is started.
type realAgent struct {
	port, otlpPort int
	socket, intake string
	// classic keeps the span model of older Agents, which newer ones turn into another on receipt.
	classic bool

	running *agent.Agent
	cancel  context.CancelFunc
}

// start runs the Agent and returns when it answers.
func (a *realAgent) start() error {
	if a.running != nil {
		return errors.New("the Agent runs already")
	}
	conf, err := a.config()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.running = agent.NewAgent(ctx, conf, telemetry.NewNoopCollector(), &statsd.NoOpClient{}, gzip.NewComponent())
	a.cancel = cancel
	go a.running.Run()

	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/info", a.port))
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("the Agent did not answer at port %d within %v", a.port, patience)
}

// stop ends the Agent in its own order: it takes no more, and brings spans and statistics to the intake.
func (a *realAgent) stop() error {
	if a.running == nil {
		return errors.New("the Agent does not run")
	}
	a.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := a.running.WaitForStopped(ctx)
	a.running = nil
	return err
}

// config is what the Agent's binary fills from its own settings, where the constructor leaves it out.
func (a *realAgent) config() (*config.AgentConfig, error) {
	conf := config.New()
	conf.Hostname = "real-agent"
	conf.AgentVersion = "7.85.2"
	conf.Endpoints = []*config.Endpoint{{Host: a.intake, APIKey: "none"}}
	conf.Proxy = nil
	conf.ReceiverHost = "127.0.0.1"
	conf.ReceiverPort = a.port
	conf.ReceiverSocket = a.socket
	conf.DecoderTimeout = 1_000 // zero refuses whatever does not decode at once
	conf.MaxConnections = 1_000 // zero is one connection
	conf.MaxMemory = 0          // no self-kill
	conf.MaxCPU = 0
	conf.TelemetryConfig.Enabled = false
	conf.EVPProxy.Enabled = false
	conf.TraceWriter.FlushPeriodSeconds = flushSeconds
	// As in the Agent's settings: what official documentation calls the default.
	conf.Obfuscation.RemoveStackTraces = false
	conf.Obfuscation.Redis.Enabled = true
	conf.Obfuscation.Valkey.Enabled = true
	conf.Obfuscation.Memcached.Enabled = true
	conf.Obfuscation.Mongo.Enabled = true
	conf.Obfuscation.ES.Enabled = true
	conf.Obfuscation.OpenSearch.Enabled = true
	conf.Obfuscation.CreditCards.Enabled = true

	conf.ContainerTags = func(id string) ([]string, error) { return containers[id], nil }
	conf.ContainerTagsWithCompleteness = func(id string) ([]string, bool, error) { return containers[id], true, nil }
	if a.classic {
		conf.Features["disable-convert-traces"] = struct{}{}
	}

	settings := componenttest.NewNopTelemetrySettings()
	translator, err := attributes.NewTranslator(settings)
	if err != nil {
		return nil, err
	}
	conf.OTLPReceiver.BindHost = "127.0.0.1"
	conf.OTLPReceiver.GRPCPort = a.otlpPort
	conf.OTLPReceiver.AttributesTranslator = translator
	conf.OTLPReceiver.ProbabilisticSampling = 100
	conf.OTLPReceiver.GrpcMaxRecvMsgSizeMib = 25
	return conf, nil
}
