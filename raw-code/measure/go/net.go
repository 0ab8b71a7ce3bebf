package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// netResult is what iperf3 tells of the sender: bits a second, and round trips in µs.
type netResult struct {
	BPS   float64 `json:"bps"`
	MeanR float64 `json:"meanr"`
	MinR  float64 `json:"minr"`
	MaxR  float64 `json:"maxr"`
}

// parseNet reads the argument of net: an iperf3 server.
func parseNet(argument []byte) (task, error) {
	const iperfPort = 5201
	var a struct {
		Server string `json:"server_ip"`
		Port   *int64 `json:"port"`
	}
	if err := readArgument(argument, &a, `"server_ip", "port"`); err != nil {
		return nil, err
	}
	port := int64(iperfPort)
	if a.Port != nil {
		port = *a.Port
	}
	if port < 1 || port > 65535 {
		return nil, fmt.Errorf("port is %d, it must be 1 to 65535", port)
	}
	if !isHost(a.Server) {
		return nil, fmt.Errorf("server_ip is %q, it must be an IP address or a host name", shorten(a.Server))
	}
	return func(in *invocation) (any, error) { return iperf(a.Server, port, in.end) }, nil
}

// isHost says whether a text can be an address or a name of a host: nothing that a program takes as an option.
func isHost(text string) bool {
	return text != "" && len(text) <= 253 && text[0] != '-' && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-.:%_", r)
	})
}

// iperf sends to a server for one second.
func iperf(server string, port int64, end time.Time) (any, error) {
	program, err := findIperf()
	if err != nil {
		return nil, err
	}
	const patience = 15 * time.Second
	if latest := time.Now().Add(patience); latest.Before(end) {
		end = latest
	}
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	out, failed := exec.CommandContext(ctx, program, "-c", server, "-p", strconv.FormatInt(port, 10), "-t", "1",
		"-J").Output()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("iperf3 with %s:%d has not ended in time", server, port)
	}
	return readIperf(out, failed)
}

// readIperf takes the sender's numbers from iperf3's JSON.
func readIperf(out []byte, failed error) (any, error) {
	var report struct {
		Error string
		End   struct {
			Streams []struct {
				Sender struct {
					BPS  float64 `json:"bits_per_second"`
					Mean float64 `json:"mean_rtt"`
					Min  float64 `json:"min_rtt"`
					Max  float64 `json:"max_rtt"`
				}
			}
		}
	}
	err := json.Unmarshal(out, &report)
	switch {
	case report.Error != "":
		return nil, fmt.Errorf("iperf3: %s", report.Error)
	case failed != nil:
		return nil, fmt.Errorf("iperf3: %w", failed)
	case err != nil:
		return nil, fmt.Errorf("iperf3's report: %w", err)
	case len(report.End.Streams) == 0:
		return nil, errors.New("iperf3's report has no stream")
	}
	s := report.End.Streams[0].Sender
	return netResult{s.BPS, s.Mean, s.Min, s.Max}, nil
}

// findIperf looks for iperf3 on the PATH, then in the package.
func findIperf() (string, error) {
	if found, err := exec.LookPath("iperf3"); err == nil {
		return found, nil
	}
	root := os.Getenv("LAMBDA_TASK_ROOT")
	if root == "" {
		root = "."
	}
	for _, at := range []string{"iperf3", filepath.Join("bin", "iperf3")} {
		if found, err := exec.LookPath(filepath.Join(root, at)); err == nil {
			return filepath.Abs(found)
		}
	}
	return "", errors.New("there is no iperf3, neither on the PATH nor in the package (iperf3, bin/iperf3)")
}
