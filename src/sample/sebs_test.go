package sample

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// TestSeBSTables holds names, order and units of the columns.
func TestSeBSTables(t *testing.T) {
	at := time.Unix(1_800_000_000, 5).UTC()
	sent := Empty()
	sent.Cold, sent.Service, sent.Latency, sent.ProviderDuration = Yes, 1500*time.Nanosecond, 2*time.Second, None
	sent.NewConn, sent.Connect, sent.MaxMemoryMB = true, 3*time.Millisecond, 31
	warm := Empty()
	warm.Cold, warm.Latency, warm.ProviderDuration = No, time.Millisecond, time.Millisecond
	costs := []PerfCost{{MemoryMB: 128, Type: "cold", Wanted: Yes, Row: sent},
		{MemoryMB: 128, Type: "cold", Wanted: Yes, Row: warm}, {MemoryMB: 256, Type: "warm", Wanted: No, Row: warm},
		{MemoryMB: 256, Type: "warm", Wanted: No, Warmup: true, Row: warm}}
	over := []Overhead{{Size: 7, Repetition: 2, Wanted: Yes, Cold: Yes, Start: at, Connection: time.Millisecond,
		Finish: at.Add(time.Second), RequestID: "r", Clock: true, Offset: time.Second, Mean: -5, SD: 1},
		{Size: 7, Wanted: Yes, Cold: No, Start: at, Finish: at, Clock: true}}
	pings := []PingPong{{Number: 3, RequestID: "r", ClientSend: at, ServerRcv: at.Add(2), ServerSend: at.Add(3),
		ClientRcv: at.Add(5)}, {Number: 4, ClientSend: at}, {Warmup: true, ClientSend: at, ServerRcv: at,
		ServerSend: at, ClientRcv: at}}
	waits := []Eviction{{RequestID: "r", Endpoint: "f", Planned: time.Second, Wait: 1500 * time.Millisecond, Lived: No,
		SentAt: at}, {Endpoint: "g"}}
	for want, write := range map[string]func(io.Writer) error{
		"memory,type,is_cold,exec_time,connection_time,client_time,provider_time,mem_used\n" +
			"128,cold,True,1.5,3000,2000000,,31\n256,warm,False,,0,1000,1000,\n": func(w io.Writer) error {
			return WriteSeBSPerfCosts(w, costs, nil)
		},
		"memory,type,is_cold,exec_time,connection_time,client_time,provider_time,mem_used\n" +
			"256,warm,False,,0,1000,1000,\n": func(w io.Writer) error {
			return WriteSeBSPerfCosts(w, costs, []string{"warm"})
		},
		"size,repetition,is_cold,connection_time,start_timestamp,finish_timestamp,request_id\n" +
			"7,2,1,0.001000000,1800000000.000000005,1800000001.000000005,r\n": func(w io.Writer) error {
			return WriteSeBSOverheads(w, over)
		},
		"payload_size,repetition,is_cold,connection_time,start_timestamp,finish_timestamp,request_id," +
			"clock_drift_mean,clock_drift_std,invocation_time\n7,2,1,0.001000000,1800000000.000000005," +
			"1800000001.000000005,r,-0.000000005,0.000000001,-0.001000000\n": func(w io.Writer) error {
			return WriteSeBSOverheadsProcessed(w, over)
		},
		"id,request_id,client_send,server_rcv,server_send,client_rcv\n3,r,1800000000.000000005," +
			"1800000000.000000007,1800000000.000000008,1800000000.000000010\n": func(w io.Writer) error {
			return WriteSeBSPingPongs(w, pings)
		},
		"id,request_id,client_send,server_rcv,server_send,client_rcv,rtt,clock_drift\n3,r,1800000000.000000005," +
			"1800000000.000000007,1800000000.000000008,1800000000.000000010,0.000000004,0.000000000\n": func(
			w io.Writer) error {
			return WriteSeBSPingPongsProcessed(w, pings)
		},
		"function,sleep,time_spent,is_cold,request_id,begin\n" +
			"f,1.000000000,1.500000000,True,r,1800000000.000000005\n": func(w io.Writer) error {
			return WriteSeBSEvictions(w, waits)
		},
	} {
		var got bytes.Buffer
		if err := write(&got); err != nil || got.String() != want {
			t.Errorf("%v\ngot  %s\nwant %s", err, got.String(), want)
		}
	}
}
