// Command real-agent runs Datadog's own trace-agent code on loopback, with a fake intake behind it.
//
// It prints one line of JSON with its addresses once the Agent answers, and ends when its standard input
// is closed, so that no test can leave one behind. The control server serves what arrived at the intake
// as JSON, and stops and starts the Agent. Nothing here leaves the machine.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatalf("real-agent: %v", err)
	}
}

func run() error {
	classic := flag.Bool("classic", false, "keep the span model of older Agents")
	discard := flag.Bool("discard", false, "read nothing of what arrives at the intake: what is measured is the Agent")
	flag.Parse()
	folder, err := os.MkdirTemp("", "real-agent")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)

	intake := newIntake()
	routes := intake.routes()
	if *discard {
		routes = discarded()
	}
	intakeURL, err := serve(routes)
	if err != nil {
		return err
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	agent := &realAgent{
		port:     ports[0],
		otlpPort: ports[1],
		socket:   filepath.Join(folder, "apm.socket"),
		intake:   intakeURL,
		classic:  *classic,
	}
	if err := agent.start(); err != nil {
		return err
	}
	controlURL, err := serve(control(agent, intake))
	if err != nil {
		return err
	}
	err = json.NewEncoder(os.Stdout).Encode(map[string]string{
		"url":     fmt.Sprintf("http://127.0.0.1:%d", agent.port),
		"socket":  agent.socket,
		"otlp":    fmt.Sprintf("http://127.0.0.1:%d", agent.otlpPort),
		"control": controlURL,
	})
	if err != nil {
		return err
	}
	// The starter of this process keeps the other end open for as long as it is needed.
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// control serves what arrived and moves the Agent.
func control(agent *realAgent, intake *intake) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /payloads", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, intake.tracePayloads())
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, intake.statsPayloads())
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		done(w, agent.stop())
	})
	mux.HandleFunc("POST /start", func(w http.ResponseWriter, _ *http.Request) {
		done(w, agent.start())
	})
	return mux
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func done(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// serve answers on a free loopback port and returns its URL.
func serve(handler http.Handler) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { log.Fatalf("real-agent: %v", http.Serve(listener, handler)) }()
	return "http://" + listener.Addr().String(), nil
}

// freePorts returns ports that nobody listens on. All are held until all are found, so they differ.
func freePorts(count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
