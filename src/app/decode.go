package app

import (
	"fmt"
	"io"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/microtest"
)

// Decode reads logs of older functions and of the platform, whose name is for messages, and gives what each line says.
// Lines that cannot be read are an error of bad input, and nothing is given then.
func Decode(in io.Reader, name string) ([]microtest.Entry, error) {
	entries, err := microtest.Decode(in)
	if err != nil {
		return nil, fail.Input("%s: %w", name, err)
	}
	if len(entries) == 0 {
		return nil, fail.Input("%s: no line says anything of a request", name)
	}
	return entries, nil
}

// WriteEntries writes them as a table in CSV.
func WriteEntries(out io.Writer, entries []microtest.Entry) error {
	if err := microtest.WriteCSV(out, entries); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}
