package experiment

import (
	"fmt"
	"testing"
)

func TestServiceShares(t *testing.T) {
	for members, want := range map[string]string{
		`"Bursts": 3`: "[{0s 3}]",
		`"Bursts": 100, "BurstSizes": [1, 10], "DesiredServiceTimes": ["0ms", "100ms"]`:     "[{0s 50} {100ms 500}]",
		`"Bursts": 3, "BurstSizes": [1, 10], "DesiredServiceTimes": ["0ms", "100ms"]`:       "[{0s 2} {100ms 10}]",
		`"Bursts": 6, "BurstSizes": [1, 2, 3], "DesiredServiceTimes": ["5ms", "10ms"]`:      "[{5ms 6} {10ms 6}]",
		`"Bursts": 1, "BurstSizes": [7], "DesiredServiceTimes": ["5ms", "10ms"]`:            "[{5ms 7} {10ms 0}]",
		`"Bursts": 4, "Parallelism": 3, "DesiredServiceTimes": ["1ms", "2ms"]`:              "[{1ms 3} {2ms 1}]",
		`"RatePerSecond": 3, "DurationSeconds": 3, "DesiredServiceTimes": ["1ms", "2ms"]`:   "[{1ms 5} {2ms 4}]",
		`"Type": "network-ping-pong", "Invocations": 5, "DesiredServiceTimes": ["1ms"]`:     "[{1ms 5}]",
		`"Type": "network-ping-pong", "Invocations": 5, "DesiredServiceTimes": ["0s","1s"]`: "[{0s 3} {1s 2}]",
	} {
		s := mustParse(t, sub(members)).Experiment.SubExperiments[0]
		got := s.ServiceShares()
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", members, got, want)
		}
		sum := 0
		for _, share := range got {
			sum += share.Requests
		}
		if sum != s.Requests() {
			t.Errorf("%s: %d requests in all, want %d", members, sum, s.Requests())
		}
	}
}
