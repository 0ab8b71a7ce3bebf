package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	mostRounds = 10_000
	mostBlocks = 1_000_000
	mostBlock  = 64 << 20 // bytes: a block is held in memory
	mostRound  = 1 << 30  // bytes
)

// ioRound is one round of io, in dd's words: seconds, and a speed such as 245 kB/s.
type ioRound struct {
	Time  string `json:"time"`
	Speed string `json:"speed"`
}

// parseIO reads the argument of io: rounds, and the size and number of the blocks of each.
func parseIO(argument []byte) (task, error) {
	var a struct {
		Rounds int64  `json:"rd"`
		Size   string `json:"size"`
		Count  int64  `json:"cnt"`
	}
	if err := readArgument(argument, &a, `"rd", "size", "cnt"`); err != nil {
		return nil, err
	}
	block, ok := ddSize(a.Size)
	switch {
	case a.Rounds < 1 || a.Rounds > mostRounds:
		return nil, fmt.Errorf("rd is %d, it must be 1 to %d", a.Rounds, mostRounds)
	case a.Count < 1 || a.Count > mostBlocks:
		return nil, fmt.Errorf("cnt is %d, it must be 1 to %d", a.Count, mostBlocks)
	case !ok || block < 1 || block > mostBlock:
		return nil, fmt.Errorf(`size is %q, it must be 1 byte to 64M as dd writes it: a whole number and c, w, b, kB, `+
			`K, KB, KiB, MB, M, MiB or nothing`, shorten(a.Size))
	case block*a.Count > mostRound:
		return nil, fmt.Errorf("%d blocks of %s are over 1 GiB a round", a.Count, a.Size)
	}
	return func(in *invocation) (any, error) {
		rounds := []ioRound{}
		for i := int64(0); i < a.Rounds; i++ {
			took, err := writeRound(make([]byte, block), a.Count, in.end)
			if err != nil {
				return nil, err
			}
			rounds = append(rounds, ioRound{strconv.FormatFloat(took.Seconds(), 'g', 6, 64),
				ddSpeed(float64(block*a.Count), took)})
		}
		return rounds, nil
	}, nil
}

// writeRound writes random blocks, each synchronised, and a last time all of them.
func writeRound(block []byte, count int64, end time.Time) (took time.Duration, err error) {
	f, err := createSynced()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	begun := time.Now()
	for i := int64(0); i < count; i++ {
		if time.Now().After(end) {
			return 0, errNoTime
		}
		if _, err := rand.Read(block); err != nil {
			return 0, err
		}
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
	}
	if err := syncData(f); err != nil {
		return 0, err
	}
	return time.Since(begun), nil
}

// ddSize reads a size as dd does (GNU coreutils, section dd): c = 1, w = 2, b = 512, kB = 1000, K and KiB = 1024, MB
// and M likewise.
func ddSize(text string) (int64, bool) {
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	unit, ok := map[string]int64{"": 1, "c": 1, "w": 2, "b": 512, "kB": 1000, "KB": 1000, "K": 1024,
		"KiB": 1024, "MB": 1_000_000, "M": 1 << 20, "MiB": 1 << 20}[text[end:]]
	n, err := strconv.ParseInt(text[:end], 10, 32)
	return n * unit, ok && err == nil
}

// ddSpeed writes a speed as dd does: below 10 with one decimal, in the largest unit that leaves 1 or more. Below 1 kB/s
// dd has bytes only for times that divide evenly, and thousandths of them otherwise (gnulib, human_readable).
func ddSpeed(bytes float64, took time.Duration) string {
	speed := bytes / max(took.Seconds(), 1e-9)
	const units = "BkMGTPE"
	power := 0
	for power < len(units)-1 && speed >= 999.5 {
		speed /= 1000
		power++
	}
	if power == 0 && took%time.Second != 0 {
		speed /= 1000
		power = 1
	}
	decimals := 0
	if power > 0 && speed < 9.95 {
		decimals = 1
	}
	unit := units[power:power+1] + "B/s"
	if power == 0 {
		unit = "B/s"
	}
	return strconv.FormatFloat(speed, 'f', decimals, 64) + " " + unit
}
