package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// statResult is what stat tells of the instance and its machine. What a system does not tell is empty.
type statResult struct {
	ExistID    string   `json:"exist_id"` // of the instance: drawn by its first stat
	NewID      string   `json:"new_id"`   // drawn by this one; equal to ExistID on a new instance
	VMID       string   `json:"vm_id"`
	InstID     string   `json:"inst_id"`
	VMPrivIP   string   `json:"vm_priv_ip"`
	VMPubIP    string   `json:"vm_pub_ip"`
	InstPrivIP string   `json:"inst_priv_ip"`
	Uptime     *float64 `json:"uptime"` // of the machine, in s
	CPUInfo    string   `json:"cpu_info"`
}

// parseStat reads the argument of stat. The number argv is that of older clients and means nothing.
func parseStat(argument []byte) (task, error) {
	var a struct {
		Argv int64 `json:"argv"`
	}
	if err := readArgument(argument, &a, `"argv"`); err != nil {
		return nil, err
	}
	return func(*invocation) (any, error) {
		r := statResult{NewID: randomUUID(), VMPrivIP: hostAddress("/etc/hosts"), InstPrivIP: ownAddress(),
			VMPubIP: publicAddress(os.Getenv("STELLAR_PUBLIC_IP_URL")),
			CPUInfo: fmt.Sprintf("%d,%s", runtime.NumCPU(), cpuModel())}
		r.ExistID = existingID(filepath.Join(os.TempDir(), "inst_id.txt"), r.NewID)
		text, _ := os.ReadFile("/proc/self/cgroup") // a system without it names neither
		r.VMID, r.InstID = cgroupIDs(string(text))
		if uptime, err := os.ReadFile("/proc/uptime"); err == nil {
			if s, err := strconv.ParseFloat(strings.Fields(string(uptime) + " ")[0], 64); err == nil {
				r.Uptime = &s
			}
		}
		return r, nil
	}, nil
}

// randomUUID is a UUID of version 4 (RFC 9562).
func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it does not fail on the systems of platforms
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// existingID is the id in a file. The first who asks writes its own; where that cannot be, each has its own.
func existingID(file, fresh string) string {
	if f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		_, _ = f.WriteString(fresh)
		_ = f.Close()
		return fresh
	}
	text, err := os.ReadFile(file)
	if id := strings.TrimSpace(string(text)); err == nil && id != "" {
		return id
	}
	return fresh
}

// cgroupIDs takes the ids of the machine and of the instance from /proc/self/cgroup, of version 1 and 2: the last two
// names of the longest path.
func cgroupIDs(text string) (vm, instance string) {
	var longest []string
	for _, line := range strings.Split(text, "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) < 3 {
			continue
		}
		names := strings.FieldsFunc(parts[2], func(r rune) bool { return r == '/' })
		if len(names) > len(longest) {
			longest = names
		}
	}
	n := len(longest)
	if n > 1 {
		vm = longest[n-2]
	}
	if n > 0 {
		instance = longest[n-1]
	}
	return vm, instance
}

// hostAddress is the IPv4 address of this host's name: from the hosts file, else from a name such as ip-10-0-0-7. The
// DNS is not asked.
func hostAddress(hosts string) string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	text, _ := os.ReadFile(hosts) // a system without it has no such names
	for _, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		for i := 1; i < len(fields); i++ {
			if ip := net.ParseIP(fields[0]); fields[i] == name && ip.To4() != nil && !ip.IsLoopback() {
				return fields[0]
			}
		}
	}
	first, _, _ := strings.Cut(name, ".")
	if address := strings.ReplaceAll(strings.TrimPrefix(first, "ip-"), "-", "."); net.ParseIP(address).To4() != nil {
		return address
	}
	return ""
}

// ownAddress is the address that datagrams to other networks leave from. Connecting a UDP socket sends nothing.
func ownAddress() string {
	conn, err := net.Dial("udp4", "192.0.2.1:9") // of documentation (RFC 5737)
	if err != nil {
		return ""
	}
	defer conn.Close()
	host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	return host
}

// publicAddress asks a service that answers with the caller's address. Without a URL no request is sent.
func publicAddress(url string) string {
	if url == "" {
		return ""
	}
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return ""
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 256))
	address := strings.TrimSpace(string(text))
	if err != nil || net.ParseIP(address) == nil {
		return ""
	}
	return address
}
