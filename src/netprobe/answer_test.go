package netprobe

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const answered = `{"RequestID":"r","TimestampChain":["1800000000000000200"],"Instance":{"ID":"i"},` +
	`"ReceivedAt":"1800000000000000101","Cmds":{"udp":UDP}}`

func TestAnswer(t *testing.T) {
	a, err := ReadAnswer([]byte(strings.Replace(answered, "UDP", `{"id":"x","base":"1800000000000000000",`+
		`"rows":[[0,5,9],[1,20]],"end":"time","late":1,"foreign":2}`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	at := func(ns int64) time.Time { return time.Unix(1_800_000_000, ns).UTC() }
	if a.RequestID != "r" || a.InstanceID != "i" || !a.Received.Equal(at(101)) || !a.Answered.Equal(at(200)) ||
		a.Resolution != 0 {
		t.Errorf("answer %+v", a)
	}
	if r := a.Rows; r.End != OutOfTime || r.Late != 1 || r.Foreign != 2 || len(r.Rows) != 2 ||
		!r.Rows[0].Received.Equal(at(9)) || !r.Rows[1].Sent.Equal(at(20)) || !r.Rows[1].Received.IsZero() {
		t.Errorf("rows %+v", r)
	}
	if a, err := ReadAnswer([]byte(strings.Replace(answered, "UDP", `{"error":"no route"}`, 1))); err != nil ||
		a.Error != "no route" || a.Rows != nil {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := ReadAnswer([]byte(`{"ReceivedAt":"1800000000000"}`)); err != nil || a.Rows != nil ||
		a.Resolution != time.Millisecond || a.Received.Unix() != 1_800_000_000 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestAnswersThatAreNone: a function is not trusted.
func TestAnswersThatAreNone(t *testing.T) {
	const base = `"base":"1800000000000000000"`
	for udp, says := range map[string]string{
		`{"rows":[]}`:                         "without a base",
		`{"base":"1","rows":[]}`:              "without a base",
		`{` + base + `,"rows":[[0]]}`:         "row 0",
		`{` + base + `,"rows":[[1,5,9]]}`:     "row 0",
		`{` + base + `,"rows":[[0,5,4]]}`:     "row 0",
		`{` + base + `,"rows":[[0,-5,4]]}`:    "row 0",
		`{` + base + `,"rows":[[0,1,2,3]]}`:   "row 0",
		`{` + base + `,"rows":[[0,1],[0,2]]}`: "row 1",
		`{` + base + `,"rows":"many"}`:        "not that of the measurement function",
		`7`:                                   "not that of the measurement function",
	} {
		if a, err := ReadAnswer([]byte(strings.Replace(answered, "UDP", udp, 1))); err == nil ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %+v, %v", udp, a, err)
		}
	}
	if _, err := ReadAnswer([]byte("Hello")); err == nil {
		t.Error("a text is an answer")
	}
}

func TestCommand(t *testing.T) {
	l := listen(t)
	x := l.Begin()
	for want, c := range map[string]Command{
		`"mode":"ping-pong","repetitions":7,`:      x.Ping("h", 7),
		`"mode":"sync","repetitions":1000,"n":20,`: x.Synchronize("h", 0),
		`"mode":"sync","repetitions":1000,"n":5,`:  x.Synchronize("h", 5),
	} {
		text := string(c.Body())
		if !strings.HasPrefix(text, `{"cmds":{"udp":{"address":"h","port":`) || !strings.Contains(text, want) ||
			!strings.Contains(text, x.ID) || !json.Valid([]byte(text)) {
			t.Errorf("%s: want %s in it", text, want)
		}
	}
}
