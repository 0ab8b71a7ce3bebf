package analyze

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// of is a request of an instance, sent at a second of the run and answered after some ms.
func of(instance string, second, took float64, cold sample.Tri) sample.Sample {
	s := row(int(second), took, cold)
	s.InstanceID = instance
	s.SentAt = time.Unix(1_780_000_000, 0).Add(time.Duration(second * float64(time.Second)))
	s.ReceivedAt = s.SentAt.Add(s.Latency)
	return s
}

func TestInstances(t *testing.T) {
	warmup, unnamed := of("a", 0, 900, sample.Yes), of("", 9, 1, sample.Unknown)
	warmup.Warmup = true
	failed := of("b", 12, 0, sample.Unknown)
	failed.Err, failed.Latency, failed.ReceivedAt = sample.Timeout, sample.None, time.Time{}
	// Rows are not in the order of time: those of a sustained load are in that of their ends.
	s := summarize(t, []sample.Sample{warmup, of("b", 4, 500, sample.No), of("a", 1, 250, sample.Yes),
		of("a", 3, 250, sample.No), of("b", 2, 100, sample.Yes), unnamed, of("c", 5, 125, sample.Yes), failed,
		of("a", 2, 1, sample.No)}, Identity{})
	got := s.Instances
	if got.Count != Of(3) || got.Requests != Of(7.0/3) || got.Lifetime50 != Of(2.25) {
		t.Errorf("%v instances, %v requests each, median life %v s; want 3, 7/3, 2.25", got.Count, got.Requests,
			got.Lifetime50)
	}
	var lives []string
	for _, l := range got.Lives {
		lives = append(lives, strconv.FormatInt(l.First.Unix()-1_780_000_000, 10)+" "+l.Last.Sub(l.First).String()+" "+
			strconv.Itoa(l.Requests)+" "+strconv.FormatBool(l.Cold))
	}
	if all := strings.Join(lives, "; "); all != "1 2.25s 3 true; 2 2.5s 3 true; 5 125ms 1 true" {
		t.Errorf("lives %s", all)
	}
	if s.Light().Instances.Lives != nil || s.Light().Instances.Count != Of(3) {
		t.Errorf("light: %+v", s.Light().Instances)
	}
}

func TestNoInstances(t *testing.T) {
	if got := summarize(t, mixed(20, 1), Identity{}).Instances; got.Count.OK || got.Requests.OK || got.Lives != nil {
		t.Errorf("%+v", got)
	}
	c := NewCollector(Options{})
	for i := range maxInstances + 1000 { // a foreign file with an id for each row
		r := of(strconv.Itoa(i), float64(i), 1, sample.No)
		c.Add(&r)
	}
	if s, err := c.Summary(); err != nil || s.Instances.Count.OK || s.Count != maxInstances+1000 {
		t.Errorf("%+v, %d rows, %v", s.Instances, s.Count, err)
	}
}

func TestParts(t *testing.T) {
	ms := time.Millisecond
	divided := func(latency, network, residual, start, first time.Duration) sample.Sample {
		s := row(0, float64(latency)/1e6, sample.Yes)
		s.Network, s.Residual, s.Start, s.FirstRequest = network, residual, start, first
		s.ProviderDuration = first
		return s
	}
	warm := row(1, 3, sample.No)
	warm.ProviderDuration = ms
	unknown := row(2, 90, sample.Yes) // cold, without a report
	warmup := divided(900*ms, 0, 800*ms, 0, 100*ms)
	warmup.Warmup = true
	rows := []sample.Sample{divided(100*ms, 2*ms, 50*ms, 40*ms, 8*ms), divided(60*ms, 2*ms, 0, 50*ms, 8*ms), warm,
		unknown, warmup}
	for i := range rows {
		if rows[i].ProviderDuration == 0 {
			rows[i].ProviderDuration = sample.None
		}
	}
	for asked, joined := range map[bool]Value{true: Of(3), false: {}} {
		s, err := Summarize(Samples(rows), Options{Reports: asked})
		want := Parts{Count: 2, Network: Of(2), Residual: Of(25), Start: Of(45), FirstRequest: Of(8)}
		if err != nil || s.ColdParts != want || s.Joined != joined {
			t.Errorf("parts %+v, joined %v, error %v; want %+v, %v", s.ColdParts, s.Joined, err, want, joined)
		}
	}
	var out bytes.Buffer
	s, err := Summarize(Samples(rows), Options{Reports: true, Identity: Identity{Title: "zip, 10 MB"}})
	if err != nil || WritePartsCSV(&out, []Summary{s, {}}) != nil {
		t.Fatal(err)
	}
	const want = "Sub-experiment,Title,Cold Count,Network (ms),Residual (ms),Start (ms),First Request (ms),Sum (ms)\n" +
		"0,\"zip, 10 MB\",2,2.000,25.000,45.000,8.000,80.000\n0,,0,,,,,\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
