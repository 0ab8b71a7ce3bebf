package experiment

// metric is a name that Thresholds may bound, and what it stands for.
type metric struct{ name, doc string }

// metrics are all of them, in the order in which they are listed. Latencies are in milliseconds; warm-up bursts count
// in none.
func metrics() []metric {
	return []metric{
		{"p50_ms", "Median latency of the requests that succeeded, in milliseconds; the percentiles are nearest-rank."},
		{"p90_ms", "90th percentile of the latency, in milliseconds."},
		{"p95_ms", "95th percentile of the latency, in milliseconds."},
		{"p99_ms", "99th percentile of the latency, in milliseconds."},
		{"p999_ms", "99.9th percentile of the latency, in milliseconds."},
		{"mean_ms", "Mean latency, in milliseconds."},
		{"max_ms", "Longest latency, in milliseconds."},
		{"min_ms", "Shortest latency, in milliseconds."},
		{"cold_p50_ms", "Median latency of cold requests, in milliseconds."},
		{"cold_p99_ms", "99th percentile of the latency of cold requests, in milliseconds."},
		{"warm_p50_ms", "Median latency of warm requests, in milliseconds."},
		{"warm_p99_ms", "99th percentile of the latency of warm requests, in milliseconds."},
		{"tmr", "Tail-to-median ratio: 99th percentile / median."},
		{"errors", "Number of requests that failed."},
		{"error_ratio", "Share of the requests that failed, 0 to 1."},
		{"late_count", "Number of requests that the client sent late, by its own fault."},
		{"lateness_p99_ms", "99th percentile of how late the client sent its requests, in milliseconds."},
		{"unsent", "Number of requests of a sustained load that were due and were not sent."},
	}
}

// Metrics lists the metric names that Thresholds may bound.
func Metrics() []string {
	all := metrics()
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = m.name
	}
	return names
}
