package analyze

import (
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// exchanged are rows of round trips in ms; a negative one is lost.
func exchanged(ms ...float64) (rows []sample.PingPong) {
	base := time.Unix(1_800_000_000, 0)
	for i, took := range ms {
		sent := base.Add(time.Duration(i) * time.Second)
		row := sample.PingPong{Number: i, ClientSend: sent, Lost: sample.Yes, Warmup: i == 0}
		if took >= 0 {
			half := time.Duration(took * 5e5)
			row.ServerRcv, row.ServerSend, row.ClientRcv = sent.Add(half), sent.Add(half), sent.Add(2*half)
			row.Lost = sample.No
		}
		rows = append(rows, row)
	}
	return rows
}

func TestPingPong(t *testing.T) {
	rows := exchanged(100, 4, 1, -1, 3, 2)
	rows = append(rows, sample.PingPong{ServerRcv: rows[1].ServerRcv}) // the function gave no answer
	clocks := []Clock{{Offset: 5 * time.Millisecond, Bound: time.Millisecond, Samples: 5, Instance: "i,1", SD: 3,
		At: time.Unix(1_800_000_000, 7)}}
	p := DescribePingPong("udp", rows, clocks, func(*sample.PingPong) time.Duration { return 0 })
	if p.Rows != 5 || p.Lost != 1 || p.Warmup != 1 || p.Unknown != 1 || p.RTT.Count != 4 || p.P50.V != 2 ||
		p.P99.V != 4 || p.RTT.Mean.V != 2.5 || len(p.Trips) != 5 {
		t.Errorf("%+v", p)
	}
	// Clopper and Pearson for 1 of 5: 0.505 % to 71.64 %.
	if low, high := p.Loss.Low.V, p.Loss.High.V; low < 0.00504 || low > 0.00506 || high < 0.716 || high > 0.717 {
		t.Errorf("loss %g to %g", low, high)
	}
	if lost := p.Trips[2]; !lost.Lost || lost.Seconds < 2.9 || lost.Seconds > 3 {
		t.Errorf("the lost exchange is at %+v", lost)
	}
	said := strings.Join(p.Findings(), "\n")
	for _, want := range []string{
		"round trip: mean 2.500 ms, std 1.291 ms, CV 0.52, P50 2.000, P75 3.000, P95 4.000, P99 4.000, P99.9 4.000 ms, n = 4",
		"lost: 1 of 5, 20 % (95 %: 0.505 to 71.6 %); of 1 more it is not known: the function gave no answer",
		"clock of the function minus this machine's: 5ms, at most 1ms off (smallest round trip of 5)",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it says\n%s\nwithout\n%s", said, want)
		}
	}
	var text strings.Builder
	if err := p.Write(&text); err != nil {
		t.Fatal(err)
	}
	if want := "\nudp,5,1,20.000000,0.505076,71.641794,1,1,2.500000,1.290994,0.516398,2.000000,3.000000,4.000000," +
		"4.000000,4.000000\n"; !strings.HasSuffix(text.String(), want) {
		t.Errorf("statistics %s", text.String())
	}
	text.Reset()
	if err := p.WriteClocks(&text); err != nil {
		t.Fatal(err)
	}
	if want := "\n0,\"i,1\",5,5000000,1000000,0,0,3,1800000000000000007\n"; !strings.HasSuffix(text.String(), want) {
		t.Errorf("clocks %s", text.String())
	}
}

func TestPingPongWithoutRows(t *testing.T) {
	none := func(*sample.PingPong) time.Duration { return 0 }
	p := DescribePingPong("udp", nil, nil, none)
	var text strings.Builder
	if err := p.Write(&text); err != nil || !strings.HasSuffix(text.String(), "\nudp,0,0,,,,0,0,,,,,,,,\n") {
		t.Errorf("%v: %s", err, text.String())
	}
	if said := p.Findings(); len(said) != 1 || said[0] != "no function has told of an exchange" {
		t.Errorf("it says %q", said)
	}
	lost := DescribePingPong("udp", exchanged(-1, -1), nil, none)
	if said := strings.Join(lost.Findings(), "\n"); said != "lost: 1 of 1, 100 % (95 %: 2.5 to 100 %)" {
		t.Errorf("it says %q", said)
	}
	http := DescribePingPong("http", exchanged(1, 1, 1), []Clock{{}, {Offset: -2e6, Bound: 3e6}}, none)
	said := strings.Join(http.Findings(), "\n")
	if strings.Contains(said, "lost") || !strings.Contains(said, "clocks of the functions minus this machine's: "+
		"-2ms to 0s in 2 measurements, each at most 3ms off") {
		t.Errorf("it says %q", said)
	}
}
