//go:build race

package change

const raceEnabled = true
