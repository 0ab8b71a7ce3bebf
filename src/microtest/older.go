package microtest

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// The one-line form of faas_measure (github.com/liangw89/faas_measure, code/python/index.py and utils.py): results
// joined by #, rounds by ;, and start#end#elapsed at the end, in ms. Its clients put rd_id#subrd_id#task_no#work_id and
// region#runtime#memory#func_name before it, and their own start#end#elapsed behind it.

const (
	workerFields = 4
	metaFields   = 4
	timeFields   = 3
	statFields   = 9
	firstStamp   = 1e11 // ms: a number from here on is an instant, not a duration
)

var (
	runtimeName = regexp.MustCompile(`^(python|nodejs|java|go|ruby|dotnet|provided|rust)`)
	twoNumbers  = regexp.MustCompile(`^[0-9.]+[, ][0-9.]+$`)
	cpuInfo     = regexp.MustCompile(`^[0-9]+,`)
)

// older reads a line of that form.
func older(line string) (Entry, error) {
	var e Entry
	fields := strings.Split(line, "#")
	rest, client := e.meta(fields)
	if client {
		times, ok := readTimes(rest)
		if !ok {
			return e, fmt.Errorf("%q: it does not end in the client's start#end#elapsed", clip(line))
		}
		e.Sent, e.Received, e.Latency = &times[0], &times[1], &times[2]
		rest = rest[:len(rest)-timeFields]
	}
	times, ok := readTimes(rest)
	switch {
	case !ok && client:
		e.Error = clip(strings.Join(rest, "#")) // the client writes what came, an error as well
		return e, nil
	case !ok:
		return e, fmt.Errorf("%q: it does not end in start#end#elapsed", clip(line))
	}
	e.Cmds = &sample.Cmds{Start: &times[0], End: &times[1], Elapsed: &times[2]}
	e.results(rest[:len(rest)-timeFields])
	return e, nil
}

// meta takes what a client writes before the results.
func (e *Entry) meta(fields []string) (rest []string, client bool) {
	at := 0
	var worker [workerFields]int
	if len(fields) > workerFields+metaFields && isMeta(fields[workerFields:]) {
		for at < workerFields {
			n, err := strconv.Atoi(fields[at])
			if err != nil {
				return fields, false
			}
			worker[at] = n
			at++
		}
		e.RunID, e.SubRunID, e.Tasks, e.Worker = &worker[0], &worker[1], &worker[2], &worker[3]
	}
	if !isMeta(fields[at:]) {
		return fields, false
	}
	e.Region, e.Runtime, e.Function = fields[at], fields[at+1], fields[at+3]
	e.MemoryMB, _ = strconv.Atoi(fields[at+2]) // isMeta has seen that it is a number
	return fields[at+metaFields:], true
}

func isMeta(fields []string) bool {
	if len(fields) < metaFields+timeFields || !runtimeName.MatchString(fields[1]) {
		return false
	}
	_, err := strconv.Atoi(fields[2])
	return err == nil
}

// readTimes reads the last three fields: two instants, and what is between them.
func readTimes(fields []string) (times [timeFields]float64, ok bool) {
	if len(fields) < timeFields {
		return times, false
	}
	for i, text := range fields[len(fields)-timeFields:] {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return times, false
		}
		times[i] = v
	}
	return times, times[0] > firstStamp && math.Abs(times[1]-times[0]-times[2]) <= 1
}

// results takes those of the tests, whose order is that of a dictionary: their forms tell them apart.
func (e *Entry) results(fields []string) {
	for len(fields) > 0 {
		if e.stat(fields) {
			fields = fields[statFields:]
			continue
		}
		e.result(fields[0])
		fields = fields[1:]
	}
}

func (e *Entry) stat(f []string) bool {
	if len(f) < statFields || !twoNumbers.MatchString(f[7]) || !cpuInfo.MatchString(f[8]) {
		return false
	}
	known := func(text string) string {
		if text == "None" {
			return ""
		}
		return text
	}
	up, idle, _ := strings.Cut(strings.Replace(f[7], " ", ",", 1), ",")
	e.Cmds.Stat = &sample.Stat{ExistID: f[0], NewID: f[1], VMID: known(f[2]), InstID: known(f[3]),
		VMPrivIP: known(f[4]), VMPubIP: known(f[5]), InstPrivIP: known(f[6]), Uptime: number(up), CPUInfo: f[8]}
	e.Idle = number(idle)
	return true
}

func number(text string) *float64 {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return nil
	}
	return &v
}

// result takes that of a test other than stat.
func (e *Entry) result(text string) {
	if text == "None" {
		fails(e.Cmds, "unknown", "a test failed; the line does not say which and why")
		return
	}
	if rounds, ok := olderRounds(text); ok {
		e.Cmds.IO = rounds
		return
	}
	if n, ok := numbers(text, ","); ok && len(n) == 4 {
		e.Cmds.Net = &sample.Net{BPS: n[0], MeanR: n[1], MinR: n[2], MaxR: n[3]}
		return
	}
	n, ok := numbers(text, ";")
	switch {
	case ok && (len(n) > 1 || n[0] > firstStamp):
		e.Stamps, e.Cmds.CPUU = n, Share(n)
	case ok:
		e.Cmds.CPU = &n[0]
	default:
		quoted, _ := json.Marshal(clip(text)) // a text always has a form
		e.Cmds.Other = map[string]string{"run": string(quoted)}
	}
}

// olderRounds reads rounds of io: seconds and speed, separated by a comma.
func olderRounds(text string) (rounds []sample.IORound, ok bool) {
	for part := range strings.SplitSeq(text, ";") {
		seconds, speed, _ := strings.Cut(part, ",")
		r, err := readRound(seconds, speed)
		if err != nil {
			return nil, false
		}
		rounds = append(rounds, r)
	}
	return rounds, true
}

func numbers(text, separator string) (out []float64, ok bool) {
	for part := range strings.SplitSeq(text, separator) {
		v := number(part)
		if v == nil {
			return nil, false
		}
		out = append(out, *v)
	}
	return out, true
}
